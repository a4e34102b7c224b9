"""Reads a chat request: what it asks of which model, and nothing that would make the gateway fetch something."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from synthmill_gateway.errors import bad_request

_TOOLS = ("function", "custom")  # the others name servers to be called
_CHARS_A_TOKEN = 4  # the usual rule of thumb for English
_CHARS_A_TOKEN_AT_MOST = 6  # no prose in any language has more


@dataclass(frozen=True, slots=True)
class ChatCall:
    """One call: the model's name, the messages, the parameters as sent, and the attempts it stands for."""

    model: str
    messages: list[Any]
    parameters: dict[str, Any]
    attempt_ids: str
    traceparent: str | None = None

    @classmethod
    def parse(cls, raw: bytes, attempt_ids: str, traceparent: str | None = None) -> "ChatCall":
        """From an HTTP body and headers ("" and None when absent). Raises GatewayError 400."""
        body = _object(raw)
        model, messages = body.pop("model", None), body.pop("messages", None)
        if not isinstance(model, str) or not model or "://" in model:
            raise bad_request(
                'name a model, for example "openai/gpt-4.1-mini" or "offline/fake-1"',
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
        parameters = {name: value for name, value in body.items() if value is not None}
        _check_content(messages)
        _check_tools(parameters.get("tools"))
        return cls(model, messages, parameters, attempt_ids, traceparent)

    def input_tokens(self) -> float:
        """An estimate, before the call; the provider's own count follows with the answer."""
        return self._chars() / _CHARS_A_TOKEN

    def fewest_input_tokens(self) -> float:
        """No tokenizer makes fewer of it."""
        return self._chars() / _CHARS_A_TOKEN_AT_MOST

    def most_output_tokens(self) -> float | None:
        """The bound that the request sets."""
        limit = self.parameters.get("max_completion_tokens") or self.parameters.get("max_tokens")
        count = self.parameters.get("n", 1)
        return limit * count if isinstance(limit, int) and isinstance(count, int) else None

    def _chars(self) -> int:
        return sum(map(len, _texts(self.messages)))


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"the body is not JSON: {error}", code="invalid_json") from error
    if not isinstance(body, dict):
        raise bad_request("the body has to be a JSON object", code="invalid_json")
    return body


def _texts(messages: list[Any]) -> Iterator[str]:
    for message in messages:
        content = message.get("content") if isinstance(message, Mapping) else None
        if isinstance(content, str):
            yield content
        elif isinstance(content, list):
            yield from (part["text"] for part in content if isinstance(part.get("text"), str))


def _check_content(messages: list[Any]) -> None:
    """LiteLLM fetches the images and files that some providers want inline, from wherever a URL points."""
    for message in messages:
        if not isinstance(message, Mapping):
            raise bad_request("each of `messages` has to be an object", code="invalid_messages")
        content = message.get("content")
        if isinstance(content, list):
            for part in content:
                _check_part(part)
        elif not isinstance(content, str | None):
            raise bad_request("`content` has to be text or a list of parts", code="invalid_messages")


def _check_part(part: object) -> None:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if not isinstance(part, Mapping) or kind not in ("text", "refusal", "input_audio", "image_url"):
        raise bad_request(f"a part of type {kind!r} is not passed on; send text", code="unsupported_content")
    if kind == "image_url":
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, Mapping) else image
        if not isinstance(url, str) or not url.startswith("data:"):
            raise bad_request(
                "this gateway fetches no images; send them inline, as data: URLs", code="unsupported_content"
            )


def _check_tools(tools: object) -> None:
    if tools is None:
        return
    kinds = (
        [tool.get("type") if isinstance(tool, Mapping) else None for tool in tools]
        if isinstance(tools, list)
        else [None]
    )
    if not set(kinds) <= set(_TOOLS):
        raise bad_request(
            f"`tools` has to be a list of {' and '.join(_TOOLS)} tools", code="unsupported_parameter", param="tools"
        )
