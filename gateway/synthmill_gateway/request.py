"""Reads a chat request: what may travel to a provider, and what only the gateway itself decides."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from synthmill_gateway.errors import bad_request

# A list of what may pass, not of what may not: LiteLLM takes keys, addresses, files and callbacks as keywords of the
# same call, and a new one of those must not become reachable from outside by an update.
_FORWARDED_TEXT = """
    audio extra_body frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens
    min_p modalities n parallel_tool_calls prediction presence_penalty prompt_cache_key reasoning_effort
    repetition_penalty response_format safety_identifier seed service_tier stop store temperature thinking tool_choice
    tools top_k top_logprobs top_p user verbosity web_search_options"""
FORWARDED = frozenset(_FORWARDED_TEXT.split())


@dataclass(frozen=True, slots=True)
class ChatCall:
    """One call: the route, the messages, the parameters as sent, and the attempts it stands for."""

    model: str
    messages: list[Any]
    parameters: dict[str, Any]
    attempt_ids: str

    @classmethod
    def parse(cls, raw: bytes, attempt_ids: str) -> "ChatCall":
        """From an HTTP body and the attempts' header ("" when absent). Raises GatewayError 400."""
        body = _object(raw)
        model, messages = body.pop("model", None), body.pop("messages", None)
        if not isinstance(model, str) or not model:
            raise bad_request(
                'name a route as `model`, for example "openai/gpt-4.1-mini" or "offline/fake-1"',
                code="missing_model",
                param="model",
            )
        if not isinstance(messages, list) or not messages:
            raise bad_request("`messages` has to be a list with at least one message", code="missing_messages")
        if body.pop("stream", None):
            raise bad_request(
                "this gateway answers in one piece; leave `stream` out", code="unsupported_parameter", param="stream"
            )
        body.pop("stream_options", None)
        return cls(model, messages, _parameters(body), attempt_ids)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise bad_request(f"the body is not JSON: {error}", code="invalid_json") from error
    if not isinstance(body, dict):
        raise bad_request("the body has to be a JSON object", code="invalid_json")
    return body


def _parameters(body: Mapping[str, Any]) -> dict[str, Any]:
    parameters = {name: value for name, value in body.items() if value is not None}
    knobs = parameters.pop("offline", None)
    for name in parameters:
        if name not in FORWARDED:
            raise bad_request(
                f"`{name}` is not passed on by this gateway; put what the provider's own body needs into `extra_body`",
                code="unsupported_parameter",
                param=name,
            )
    if knobs is not None:
        extra = parameters.get("extra_body")
        parameters["extra_body"] = {**(extra if isinstance(extra, Mapping) else {}), "offline": knobs}
    return parameters
