"""What a client may say to a provider through the gateway, and what it may not."""

import json
from typing import Any

import pytest

from synthmill_gateway.errors import GatewayError
from synthmill_gateway.request import ChatCall

MESSAGES = [{"role": "user", "content": "hello"}]


def parsed(**more: Any) -> ChatCall:  # noqa: ANN401  any JSON
    return ChatCall.parse(json.dumps({"model": "openai/gpt-x", "messages": MESSAGES, **more}).encode(), "a,b")


def test_parameters_pass_as_they_are() -> None:
    sent = {"temperature": 0.2, "max_tokens": 50, "seed": 7, "response_format": {"type": "json_object"}, "top_k": 3}
    call = parsed(**sent, stop=None, stream=False)
    assert (call.model, call.messages, call.attempt_ids) == ("openai/gpt-x", MESSAGES, "a,b")
    assert call.parameters == sent


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"{", "invalid_json"),
        (b"[]", "invalid_json"),
        (b'{"messages": [{}]}', "missing_model"),
        (b'{"model": "a/b"}', "missing_messages"),
        (b'{"model": "a/b", "messages": []}', "missing_messages"),
        (b'{"model": "a/b", "messages": [{}], "stream": true}', "unsupported_parameter"),
    ],
)
def test_a_body_that_is_no_chat_request_is_a_400(raw: bytes, code: str) -> None:
    with pytest.raises(GatewayError) as refused:
        ChatCall.parse(raw, "")
    assert (refused.value.status, refused.value.code) == (400, code)
    assert refused.value.body()["error"]["type"] == "invalid_request_error"
