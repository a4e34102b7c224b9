"""Sees every call to a provider: a line in the log, and a place in the metrics. Importing this loads LiteLLM."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from synthmill_gateway import metrics
from synthmill_gateway.catalog.targets import Target
from synthmill_gateway.errors import GatewayError
from synthmill_gateway.request import ChatCall
from synthmill_gateway.router import Completion, Router

_log = logging.getLogger(__name__)
_ANSWERED, _REFUSED, _GIVEN_UP = "answered", "refused", "given_up"
"""Beside the failures: an answer; a request that no model would take; a call that nobody waited for to the end."""


class ObservedRouter(Router):
    """A router that counts and logs each call."""

    async def complete(self, target: Target, parameters: Mapping[str, Any], call: ChatCall) -> Completion:
        """See Router."""
        called = _labels(target)
        began, outcome = time.monotonic(), _GIVEN_UP
        completion: Completion | None = None
        with metrics.IN_FLIGHT.held(**called):
            try:
                completion = await super().complete(target, parameters, call)
                outcome = _ANSWERED
            except GatewayError as error:
                outcome = error.failure or _REFUSED
                raise
            finally:
                seconds = time.monotonic() - began
                _count(called, outcome, seconds, completion)
                _tell(called, outcome, seconds, completion, call)
        return completion


def _labels(target: Target) -> dict[str, str]:
    model = metrics.bounded(target.name)
    provider = target.provider or target.route.split("/", 1)[0]
    return {"provider": provider if model == target.name else model, "model": model}


def _count(called: dict[str, str], outcome: str, seconds: float, completion: Completion | None) -> None:
    metrics.CALLS.add(1, **called, outcome=outcome)
    metrics.SECONDS.observe(seconds, **called)
    if completion is None:
        return
    metrics.TOKENS.add(completion.prompt_tokens, **called, kind="prompt")
    metrics.TOKENS.add(completion.completion_tokens, **called, kind="completion")
    if completion.cost is not None:
        metrics.COST.add(float(completion.cost), **called)


def _tell(called: dict[str, str], outcome: str, seconds: float, completion: Completion | None, call: ChatCall) -> None:
    fields: dict[str, object] = {**called, "outcome": outcome, "seconds": round(seconds, 4)}
    if call.attempt_ids:
        fields["attempt_ids"] = call.attempt_ids
    if completion is not None:
        fields |= {"prompt_tokens": completion.prompt_tokens, "completion_tokens": completion.completion_tokens}
        fields |= {} if completion.cost is None else {"cost_usd": float(completion.cost)}
    level = logging.INFO if outcome == _ANSWERED else logging.WARNING
    _log.log(level, "%s: %s in %.3f s", called["model"], outcome, seconds, extra=fields)
