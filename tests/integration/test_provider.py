"""The pretended provider: its log is complete, and its own limits work."""

import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs

from tests.support.offline import TICKET, ask, batch, body
from tests.support.provider import Provider, read_calls, start_provider


def post(
    provider: Provider, request: dict[str, Any], attempt_ids: str = "", read_seconds: float = 30
) -> httpx.Response:
    headers = {"x-synthmill-attempt-ids": attempt_ids}
    timeout = httpx.Timeout(30, read=read_seconds)
    return httpx.post(f"{provider.base_url}/chat/completions", json=request, headers=headers, timeout=timeout)


def test_it_answers_as_the_offline_model_does_and_logs_the_call(tmp_path: Path) -> None:
    with start_provider(tmp_path) as provider:
        told = post(provider, body(TICKET, model="mock"), "j-0-1-0").json()
    expected = ask(TICKET, model="mock", attempt_ids="j-0-1-0")
    assert told["choices"][0]["message"]["content"] == expected.reply.content
    assert told["usage"]["completion_tokens"] == expected.completion_tokens
    (call,) = read_calls(provider.log)
    assert call["attempt_ids"] == call["answer_ids"] == ["j-0-1-0"]
    assert (call["status"], call["fault"], call["prompt_chars"]) == (200, None, sum(map(len, texts(body()))))


def texts(request: dict[str, Any]) -> list[str]:
    return [message["content"] for message in request["messages"]]


def test_the_log_tells_which_items_of_a_half_valid_batch_were_right(tmp_path: Path) -> None:
    schema = batch(TICKET, 4)
    with start_provider(tmp_path, offline={"half_valid": 1}) as provider:
        told = post(provider, body(schema), "a,b,c,d").json()
        post(provider, body(schema, offline={"half_valid": 0, "text": 1}), "a,b,c,d")
        post(provider, body(schema, offline={"rate_limit": 1}), "a,b,c,d")
    items = right_items(schema, told)
    half, prose, limited = read_calls(provider.log)
    assert half["answer_ids"] == [name for name, is_right in zip("abcd", items, strict=True) if is_right]
    assert (prose["fault"], prose["answer_ids"]) == ("text", [])
    assert (limited["status"], limited["fault"], limited["answer_ids"]) == (429, "rate_limit", [])


def right_items(schema: dict[str, Any], told: dict[str, Any]) -> list[bool]:
    items = json.loads(told["choices"][0]["message"]["content"])["items"]
    validator = jsonschema_rs.validator_for(schema["properties"]["items"]["items"])
    return [validator.is_valid(item) for item in items]


def test_an_answer_whose_caller_is_gone_is_logged_all_the_same(tmp_path: Path) -> None:
    """A real provider bills it too."""
    with start_provider(tmp_path, latency_ms=300) as provider:
        with contextlib.suppress(httpx.ReadTimeout):
            post(provider, body(), "x", read_seconds=0.1)
        post(provider, body(), "y")
    assert [call["attempt_ids"] for call in read_calls(provider.log)] == [["x"], ["y"]]


def test_the_log_survives_a_kill_and_goes_on(tmp_path: Path) -> None:
    with start_provider(tmp_path) as first:
        post(first, body(), "one")
        os.kill(first.pid, signal.SIGKILL)
    with start_provider(tmp_path) as second:
        post(second, body(), "two")
    assert [call["attempt_ids"] for call in read_calls(second.log)] == [["one"], ["two"]]


def test_a_bucket_limits_the_rate_and_says_when_to_come_back(tmp_path: Path) -> None:
    with start_provider(tmp_path, bucket=2) as provider:
        responses = [post(provider, body(seed=seed)) for seed in range(6)]
    limited = [response for response in responses if response.status_code == 429]
    assert len(limited) >= 3
    assert 0 < float(limited[0].headers["retry-after"]) <= 0.5


def test_keys_and_quota_run_out(tmp_path: Path) -> None:
    with start_provider(tmp_path, no_quota_after=1) as provider:
        assert post(provider, body()).status_code == 200
        error = post(provider, body())
    assert (error.status_code, error.json()["error"]["code"]) == (429, "insufficient_quota")
    with start_provider(tmp_path, unauthorized_after=0) as provider:
        assert post(provider, body()).status_code == 401


def test_it_can_lack_json_schema_and_json_mode(tmp_path: Path) -> None:
    with start_provider(tmp_path, no_json_schema=True, no_json_mode=True) as provider:
        statuses = [
            post(provider, body(TICKET)).status_code,
            post(provider, body(response_format={"type": "json_object"})).status_code,
            post(provider, body()).status_code,
        ]
    assert statuses == [400, 400, 200]


def test_it_can_give_the_same_answer_to_every_call(tmp_path: Path) -> None:
    with start_provider(tmp_path, answer="same") as provider:
        answers = {
            post(provider, body(TICKET, seed=seed)).json()["choices"][0]["message"]["content"] for seed in (1, 2)
        }
    assert len(answers) == 1
