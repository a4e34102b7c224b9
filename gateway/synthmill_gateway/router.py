"""Calls providers by LiteLLM; the only file that names it. Importing this takes seconds: do it in a thread.

`acompletion` is used bare: `litellm.Router` adds retries, cooldowns and caches that are all off here, and costs
2.3 ms of CPU a call on top of 2.7.
"""

import asyncio
import atexit
import inspect
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

# Before the import: prices from the package instead of the network, and no .env read from wherever it was started.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ.setdefault("LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS", "True")
os.environ.setdefault("LITELLM_MODE", "PRODUCTION")

import certifi
import httpx
import litellm
from litellm.llms.custom_llm import CustomLLM
from litellm.types.router import GenericLiteLLMParams
from litellm.types.utils import LlmProviders, Message, ModelResponse, Usage, all_litellm_params

from synthmill import tracing
from synthmill_gateway.catalog.checks import OFFLINE
from synthmill_gateway.catalog.targets import OFFLINE_MODEL, Target
from synthmill_gateway.errors import GatewayError
from synthmill_gateway.offline import Answer, Finish, OfflineError, OfflineModel
from synthmill_gateway.offline.model import ATTEMPT_HEADER
from synthmill_gateway.pricing import is_told, price_of
from synthmill_gateway.request import ChatCall
from synthmill_gateway.upstream import judge

for _name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
    logging.getLogger(_name).handlers.clear()  # ours writes what they say as JSON; theirs would write it again

litellm.suppress_debug_info = True  # or it prints advice where our answers go

_UNLISTED = ("callbacks", "drop_params", "failure_callback", "organization", "success_callback", "user_config")
"""Steer LiteLLM, though none of its own lists has them."""

# In the price map like any other model: an unknown one is searched for anew with every call, 1 ms of CPU each time.
_FREE = {
    "litellm_provider": OFFLINE,
    "mode": "chat",
    "input_cost_per_token": 0.0,
    "output_cost_per_token": 0.0,
    "cache_creation_input_token_cost": 0.0,
    "cache_read_input_token_cost": 0.0,
}


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer: the body as JSON, tokens, cost in US dollars (None when no price is known), parameters left out."""

    body: bytes
    prompt_tokens: int
    completion_tokens: int
    cost: Decimal | None
    dropped: tuple[str, ...]


class Router:
    """Every route LiteLLM knows, and `offline/…`."""

    def __init__(self, offline: OfflineModel, timeout_seconds: float) -> None:
        self._timeout = timeout_seconds
        litellm.redact_messages_in_exceptions = True
        litellm.register_model({OFFLINE_MODEL: _FREE})
        litellm.custom_provider_map = [{"provider": OFFLINE, "custom_handler": _OfflineHandler(offline)}]

    async def complete(self, target: Target, parameters: Mapping[str, Any], call: ChatCall) -> Completion:
        """One call, no retries. Raises GatewayError with the provider's status."""
        dropped = tuple(name for name in _droppable(target.route) if name in parameters)
        sent = {name: value for name, value in parameters.items() if name not in dropped}
        try:
            response = await litellm.acompletion(
                model=target.route,
                messages=call.messages,
                extra_headers=_headers(call),
                num_retries=0,
                max_retries=0,
                **{**sent, "timeout": self._timeout, **target.options},
            )
        except Exception as error:
            raise judge(error) from error
        if not isinstance(response, ModelResponse):
            raise GatewayError(502, "the provider answered in pieces though one was asked for")
        body = _body(target, response)
        usage = body.get("usage") or {}
        return Completion(
            json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"),
            usage.get("prompt_tokens") or 0,
            usage.get("completion_tokens") or 0,
            _cost(target, response, usage),
            dropped,
        )

    def models(self) -> list[str]:
        """Routes usable now: the offline model, and those of providers whose keys are set."""
        return [OFFLINE_MODEL, *sorted(_with_provider(name) for name in litellm.get_valid_models())]


class _OfflineHandler(CustomLLM):
    """The offline model as a provider of LiteLLM, so that usage, cost and errors go the way of all others."""

    def __init__(self, model: OfflineModel) -> None:
        super().__init__()
        self._model = model

    async def acompletion(  # type: ignore[override]  # all come by name; what is not needed stays in `rest`
        self, model: str, messages: list[Any], optional_params: dict[str, Any], headers: dict[str, str], **rest: object
    ) -> ModelResponse:
        route = f"{OFFLINE}/{model}"
        extra = optional_params.get("extra_body") or {}
        body = {**optional_params, "model": route, "messages": messages, "offline": extra.get("offline")}
        try:
            answer = self._model.answer(body, headers.get(ATTEMPT_HEADER, ""))
        except OfflineError as error:
            await asyncio.sleep(error.delay)
            raise _HttpError(error) from error
        await asyncio.sleep(answer.delay)
        return _response(route, answer)


class _HttpError(Exception):
    """An OfflineError in the shape in which LiteLLM reads providers' answers."""

    def __init__(self, error: OfflineError) -> None:
        super().__init__(error.message)
        self.status_code = error.status
        self.message = error.message
        self.body = {"error": {"message": error.message, "code": error.code}}
        headers = {"content-type": "application/json"}  # without any header LiteLLM takes it that nobody answered
        if error.retry_after is not None:
            headers["retry-after"] = f"{error.retry_after:g}"
        request = httpx.Request("POST", "offline:///v1/chat/completions")
        self.response = httpx.Response(error.status, headers=headers, request=request)


def _response(route: str, answer: Answer) -> ModelResponse:
    message = Message(content=answer.reply.content, role="assistant", refusal=answer.reply.refusal)
    finish = "length" if answer.reply.finish is Finish.LENGTH else "stop"
    return ModelResponse(
        id=answer.id,
        model=route,
        choices=[{"index": 0, "finish_reason": finish, "message": message}],
        usage=Usage(
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            total_tokens=answer.prompt_tokens + answer.completion_tokens,
        ),
    )


def _headers(call: ChatCall) -> dict[str, str] | None:
    trace = tracing.parse(call.traceparent)
    given = {ATTEMPT_HEADER: call.attempt_ids, tracing.HEADER: str(trace.child()) if trace else ""}
    return {name: value for name, value in given.items() if value} or None


def _body(target: Target, response: ModelResponse) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(response.model_dump_json(exclude_none=True, warnings=False))
    if target.offline:
        body["model"] = target.route
    elif target.provider is not None:
        # lineage: the same model is had from several providers, and one of several may have answered
        body["model"] = f"{target.provider}/{body.get('model') or target.route.split('/', 1)[1]}"
    for choice in body["choices"]:
        choice["message"].setdefault("content", None)  # clients look for the key, also in a refusal
    return body


def _cost(target: Target, response: ModelResponse, usage: Mapping[str, Any]) -> Decimal | None:
    if target.price is not None:
        return price_of(target.price, usage)
    if target.offline:
        return Decimal(0)
    cost = response._hidden_params.get("response_cost")
    if cost is None or not is_told(usage) or (cost == 0 and not is_priced(target.route)):
        return None
    return Decimal(str(cost))


@lru_cache(maxsize=1_024)
def is_priced(route: str) -> bool:
    """Whether the price map has a price, be it 0; LiteLLM also answers 0 for a model that has none in it."""
    try:
        provider_model, provider = litellm.get_llm_provider(route)[:2]
    except Exception:  # noqa: BLE001  whatever it raises, it knows no such route
        return False
    names = (route, f"{provider}/{provider_model}", provider_model)
    entry: Mapping[str, Any] = next((litellm.model_cost[name] for name in names if name in litellm.model_cost), {})
    return "input_cost_per_token" in entry and "output_cost_per_token" in entry


def provider_kinds() -> list[str]:
    """LiteLLM's names of providers."""
    return [kind.value for kind in LlmProviders]


def steering_names() -> frozenset[str]:
    """Keywords by which LiteLLM itself is steered, and some that go to a model as well."""
    ours = inspect.signature(litellm.acompletion).parameters
    named = {*all_litellm_params, *ours, *GenericLiteLLMParams.model_fields, *_UNLISTED}
    return frozenset(named)


def trust(ca_file: Path | None) -> None:
    """Trusts the file's certificates beside the public ones, with every provider; connections made so far stay."""
    if ca_file is None:
        return
    bundle = Path(tempfile.mkdtemp(prefix="synthmill-gateway-")) / "certificates.pem"
    bundle.write_bytes(Path(certifi.where()).read_bytes() + b"\n" + ca_file.read_bytes())
    atexit.register(shutil.rmtree, bundle.parent, ignore_errors=True)
    litellm.ssl_verify = str(bundle)


@lru_cache(maxsize=1_024)
def _droppable(route: str) -> tuple[str, ...]:
    """`seed`, for providers that have none: without it an answer is as good. Anything else they lack is a 400."""
    if route.startswith(f"{OFFLINE}/"):
        return ()
    supported = litellm.get_supported_openai_params(model=route)
    return () if supported is None or "seed" in supported else ("seed",)


def _with_provider(name: str) -> str:
    if "/" in name:
        return name
    return f"{litellm.get_llm_provider(name)[1]}/{name}"
