"""One request's way: rules, limits, the call, and the models that stand in when its provider fails."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from synthmill_gateway.catalog.targets import Catalog, Target
from synthmill_gateway.errors import GatewayError
from synthmill_gateway.failures import Failure
from synthmill_gateway.limits import Meter, Need, Used
from synthmill_gateway.request import ChatCall
from synthmill_gateway.router import Completion, Router

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """An answer and the model that gave it."""

    target: Target
    completion: Completion


class Relay:
    """Takes calls to the models of a catalog."""

    def __init__(self, router: Router, meter: Meter) -> None:
        self._router = router
        self._meter = meter

    async def serve(self, call: ChatCall, catalog: Catalog | None, gone: Callable[[], Awaitable[bool]]) -> Served:
        """The answer of the model that was asked for, or of the first of its fallbacks that gives one.

        Without a catalog every route of LiteLLM is a model. `gone` tells that nobody waits any longer. Raises
        GatewayError: that of the model asked for, because whether a later try can help depends on it.
        """
        if catalog is None:
            target = Target(call.model, call.model)
            return Served(target, await self._call(target, call))
        first = catalog.find(call.model)
        try:
            return Served(first, await self._call(first, call))
        except GatewayError as error:
            if error.failure not in first.fallback_on or not first.fallbacks:
                raise
            served = await self._fall_back(first, error, call, catalog, gone)
            if served is None:
                raise
            return served

    async def _fall_back(
        self, first: Target, cause: GatewayError, call: ChatCall, catalog: Catalog, gone: Callable[[], Awaitable[bool]]
    ) -> Served | None:
        for name in first.fallbacks:
            if await gone():
                return None
            _log.warning("%s: %s; %s is asked instead", first.name, cause.message, name, extra={"status": cause.status})
            target = catalog.find(name)
            try:
                return Served(target, await self._call(target, call))
            except GatewayError as error:
                cause.message = f"{cause.message}; {name} could not stand in: {error.message}"
        return None

    async def _call(self, target: Target, call: ChatCall) -> Completion:
        parameters = target.rules.applied(call.parameters)
        _check_length(target, call)
        ticket = self._meter.admit(target.scopes, Need(call.input_tokens(), call.most_output_tokens()))
        used = None
        try:
            completion = await self._router.complete(target, parameters, call)
            used = Used(completion.prompt_tokens, completion.completion_tokens, completion.cost)
        except GatewayError as error:
            raise _explained(error, target) from error
        finally:
            self._meter.settle(ticket, used)
        return completion


def _explained(error: GatewayError, target: Target) -> GatewayError:
    """A key that a provider refuses is ours, not one that whoever called us could change."""
    if error.failure is not Failure.KEY or target.provider is None:
        return error
    message = f"{error.message} (check the key of provider {target.provider!r} in the gateway's file)"
    return replace(error, message=message, code="provider_key")


def _check_length(target: Target, call: ChatCall) -> None:
    if target.context_tokens is not None and call.fewest_input_tokens() > target.context_tokens:
        raise GatewayError(
            400,
            f"the prompt is longer than the context length of {target.name}, {target.context_tokens} tokens",
            code="context_length_exceeded",
            param="messages",
        )
