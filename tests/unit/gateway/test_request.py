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


@pytest.mark.parametrize("name", ["huggingface/https://elsewhere/v1", "http://169.254.169.254/latest", ""])
def test_an_address_is_no_model(name: str) -> None:
    with pytest.raises(GatewayError) as refused:
        parsed(model=name)
    assert refused.value.code == "missing_model"


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "http://169.254.169.254/latest/meta-data"}},
        {"type": "image_url", "image_url": "https://elsewhere/a.png"},
        {"type": "image_url", "image_url": {"url": "file:///etc/passwd"}},
        {"type": "image_url"},
        {"type": "file", "file": {"file_id": "https://elsewhere/a.pdf"}},
        {"type": "video_url", "video_url": {"url": "gs://bucket/a"}},
        "text",
    ],
)
def test_nothing_is_fetched_for_a_request(part: object) -> None:
    with pytest.raises(GatewayError) as refused:
        parsed(messages=[{"role": "user", "content": [{"type": "text", "text": "see"}, part]}])
    assert (refused.value.status, refused.value.code) == (400, "unsupported_content")


def test_inline_images_pass() -> None:
    content = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]
    call = parsed(messages=[{"role": "user", "content": content}])
    assert call.input_tokens() == 0.75


@pytest.mark.parametrize("messages", [["hello"], [{"role": "user", "content": 5}], [None]])
def test_messages_are_objects_with_text(messages: list[Any]) -> None:
    with pytest.raises(GatewayError) as refused:
        parsed(messages=messages)
    assert refused.value.code == "invalid_messages"


@pytest.mark.parametrize("tools", [[{"type": "mcp", "server_url": "http://elsewhere"}], ["x"], {"type": "function"}])
def test_tools_name_no_servers(tools: object) -> None:
    with pytest.raises(GatewayError) as refused:
        parsed(tools=tools)
    assert refused.value.param == "tools"


def test_a_bound_on_the_output_counts_for_each_choice() -> None:
    assert parsed(max_tokens=50).most_output_tokens() == 50
    assert parsed(max_completion_tokens=50, max_tokens=7, n=2).most_output_tokens() == 100
    assert parsed().most_output_tokens() is None
