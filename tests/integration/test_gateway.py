"""The gateway as a process: offline and upstream answers, errors as they came, a quick start and a clean end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from tests.support.gateway import Gateway, start_gateway
from tests.support.offline import TICKET, body
from tests.support.provider import Provider, read_calls, start_provider
from tests.support.wait import until

PATH = "/v1/chat/completions"
UNKNOWN = "openai/whatever"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with start_provider(tmp_path_factory.mktemp("provider"), no_json_mode=True) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    environment = {
        "OPENAI_API_BASE": provider.base_url,
        "OPENAI_API_KEY": "sk-test",
        "OLLAMA_API_BASE": "http://127.0.0.1:1",
    }
    with start_gateway(folder, **environment) as running:
        yield running


def post(gateway: Gateway, request: dict[str, Any], **headers: str) -> httpx.Response:
    return httpx.post(gateway.url + PATH, json=request, headers=headers, timeout=60)


def content(response: httpx.Response) -> Any:  # noqa: ANN401  any JSON
    assert response.status_code == 200, response.text
    return json.loads(response.json()["choices"][0]["message"]["content"])


def test_it_lives_before_it_is_ready_and_lets_early_requests_wait(tmp_path: Path) -> None:
    with start_gateway(tmp_path) as early:
        assert httpx.get(f"{early.url}/healthz").status_code == 200
        assert httpx.get(f"{early.url}/readyz").status_code == 503
        assert post(early, body()).status_code == 200
        assert httpx.get(f"{early.url}/readyz").json() == {"ready": True, "checks": {"litellm": "ok"}}


def test_the_offline_model_answers_by_schema_at_no_cost(gateway: Gateway) -> None:
    response = post(gateway, body(TICKET))
    jsonschema_rs.validate(TICKET, content(response))
    told = response.json()
    assert told["model"] == "offline/fake-1"
    assert told["choices"][0]["finish_reason"] == "stop"
    assert told["usage"]["total_tokens"] == told["usage"]["prompt_tokens"] + told["usage"]["completion_tokens"] > 0
    assert response.headers["x-synthmill-cost-usd"] == "0"


def test_the_same_body_gets_the_same_answer(gateway: Gateway) -> None:
    first, second = (post(gateway, body(TICKET)).json() for _ in range(2))
    del first["created"], second["created"]
    assert first == second


def test_a_base_url_without_v1_works_too(gateway: Gateway) -> None:
    assert httpx.post(f"{gateway.url}/chat/completions", json=body(), timeout=60).status_code == 200


def test_an_offline_rate_limit_keeps_its_retry_after(gateway: Gateway) -> None:
    response = post(gateway, body(offline={"rate_limit": 1, "retry_after": 2.5}))
    assert response.status_code == 429
    assert response.headers["retry-after"] == "2.5"
    assert response.json()["error"]["code"] == "rate_limit"


@pytest.mark.parametrize(
    ("knobs", "status", "told"), [({"fail": 1}, 500, "told to fail"), ({"latncy": 1}, 400, "use one of latency_ms")]
)
def test_offline_errors_have_their_status_and_text(gateway: Gateway, knobs: Any, status: int, told: str) -> None:  # noqa: ANN401
    response = post(gateway, body(offline=knobs))
    assert response.status_code == status
    assert told in response.json()["error"]["message"]


def test_a_refusal_and_a_cut_answer_look_like_a_providers(gateway: Gateway) -> None:
    refused = post(gateway, body(TICKET, offline={"refuse": 1})).json()["choices"][0]
    assert refused["message"]["content"] is None
    assert refused["message"]["refusal"]
    assert post(gateway, body(TICKET, max_tokens=5)).json()["choices"][0]["finish_reason"] == "length"


def test_another_provider_gets_the_request_as_it_was_sent(gateway: Gateway, provider: Provider) -> None:
    response = post(gateway, body(TICKET, model=UNKNOWN), **{"x-synthmill-attempt-ids": "job-1-0-0,job-2-0-0"})
    jsonschema_rs.validate(TICKET, content(response))
    call = read_calls(provider.log)[-1]
    assert call["attempt_ids"] == ["job-1-0-0", "job-2-0-0"]
    assert (call["status"], call["fault"]) == (200, None)
    assert "x-synthmill-cost-usd" not in response.headers

    other_seed = post(gateway, body(TICKET, model=UNKNOWN, seed=99))
    assert content(other_seed) != content(response), "the seed has to arrive"


def test_a_model_with_a_known_price_has_a_cost(gateway: Gateway) -> None:
    response = post(gateway, body(TICKET, model="openai/gpt-4o-mini"))
    usage = response.json()["usage"]
    expected = usage["prompt_tokens"] * 0.15e-6 + usage["completion_tokens"] * 0.6e-6
    assert float(response.headers["x-synthmill-cost-usd"]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("knobs", "status"), [({"rate_limit": 1, "retry_after": 3}, 429), ({"fail": 1}, 500), ({"nonsense": 1}, 400)]
)
def test_an_upstream_error_keeps_its_status_and_is_not_retried(
    gateway: Gateway, provider: Provider, knobs: dict[str, float], status: int
) -> None:
    before = len(read_calls(provider.log))
    response = post(gateway, body(model=UNKNOWN, offline=knobs))
    assert response.status_code == status
    assert response.headers.get("retry-after") == ("3" if status == 429 else None)
    assert response.json()["error"]["code"] in ("rate_limit", "fail", "bad_request")
    assert len(read_calls(provider.log)) == before + 1


def test_a_response_format_the_provider_lacks_is_its_400(gateway: Gateway) -> None:
    response = post(gateway, body(model=UNKNOWN, response_format={"type": "json_object"}))
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "response_format"


def test_a_provider_that_is_not_there_is_a_502(gateway: Gateway) -> None:
    response = post(gateway, body(model="ollama_chat/llama3"))
    assert (response.status_code, response.json()["error"]["code"]) == (502, "upstream_unreachable")


def test_a_provider_without_a_key_is_a_401_though_it_has_no_seed(gateway: Gateway) -> None:
    response = post(gateway, body(model="anthropic/claude-3-7-sonnet-20250219"))
    assert (response.status_code, response.json()["error"]["code"]) == (401, "missing_key")


def test_a_route_of_no_provider_is_a_404_as_for_a_model_that_is_not_there(gateway: Gateway) -> None:
    response = post(gateway, body(model="nonsense/model"))
    assert response.status_code == 404, response.text
    assert response.json()["error"]["code"] == "model_not_found"


def test_models_are_the_offline_one_and_those_with_a_key(gateway: Gateway) -> None:
    names = [model["id"] for model in httpx.get(f"{gateway.url}/v1/models", timeout=60).json()["data"]]
    assert names[0] == "offline/fake-1"
    assert "openai/gpt-4o-mini" in names
    assert not [name for name in names if name.startswith("anthropic/")]


def test_many_requests_at_once_are_all_answered(gateway: Gateway) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda seed: content(post(gateway, body(TICKET, seed=seed))), range(64)))
    assert len({answer["body"] for answer in answers}) == 64


@pytest.mark.parametrize("end", ["stdin", "SIGTERM"])
def test_it_finishes_what_it_has_in_hand_and_ends_without_error(tmp_path: Path, end: str) -> None:
    with start_gateway(tmp_path) as stopping, ThreadPoolExecutor(1) as pool:
        post(stopping, body())
        in_hand = pool.submit(post, stopping, body(offline={"latency_ms": 700}))
        until(lambda: established(stopping) > 0, "the request to arrive")
        httpx.get(f"{stopping.url}/healthz")  # answered after what came before it was read
        if end == "stdin":
            assert stopping.process.stdin is not None
            stopping.process.stdin.close()
        else:
            stopping.process.send_signal(signal.Signals[end])
        assert in_hand.result().status_code == 200
        assert stopping.process.wait(30) == 0


def established(gateway: Gateway) -> int:
    """Connections to it that are open, read from the kernel."""
    port = int(gateway.url.rsplit(":", 1)[1])
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = (line.split() for line in lines)
    return sum(part[1].endswith(f":{port:04X}") and part[3] == "01" for part in fields)


def test_a_token_keeps_strangers_out_and_variables_slow_the_offline_model(tmp_path: Path) -> None:
    with start_gateway(tmp_path, SYNTHMILL_GATEWAY__TOKEN="secret", SYNTHMILL_OFFLINE__RATE_LIMIT="1") as guarded:
        assert post(guarded, body()).json()["error"]["code"] == "invalid_token"
        assert post(guarded, body(), authorization="Bearer wrong").status_code == 401
        assert httpx.get(f"{guarded.url}/v1/models").status_code == 401
        assert post(guarded, body(), authorization="Bearer secret").status_code == 429
        unlimited = body(offline={"rate_limit": 0})
        assert post(guarded, unlimited, authorization="Bearer secret").status_code == 200


def test_workers_share_a_port_and_one_that_is_killed_is_replaced(tmp_path: Path) -> None:
    with start_gateway(tmp_path, "--workers", "2") as gateway:
        first = until(lambda: children(gateway.process.pid), "the workers")
        assert len(first) == 2
        assert {post(gateway, body(TICKET, seed=seed)).status_code for seed in range(8)} == {200}
        os.kill(first[0], signal.SIGKILL)
        until(lambda: set(children(gateway.process.pid)) - set(first), "another worker")
        assert gateway.process.stdin is not None
        gateway.process.stdin.close()
        assert gateway.process.wait(30) == 0
        assert not [pid for pid in first if Path(f"/proc/{pid}").exists()]


def children(pid: int) -> list[int]:
    """Processes that this one started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_misspelt_variable_stops_the_start_and_is_named() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "synthmill_gateway", "--port", "0"],
        env={"SYNTHMILL_OFFLINE__SPEED": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "`speed` is no knob" in ended.stderr
