"""The gateway with a file, before real upstreams: names, keys, prices, fallbacks, and requests that would steer it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.gateway import Gateway, start_gateway
from tests.support.offline import body
from tests.support.provider import Provider, read_calls, start_provider
from tests.support.recorder import Recorder, start_recorder

FILE = """
version: 1
offline: true
providers:
  recorder: {{kind: openai, api_base: "{recorder}", api_key_env: RECORDER_KEY}}
  keyless: {{kind: openai, api_base: "{recorder}"}}
  broken: {{kind: openai, api_base: "{broken}"}}
  slow: {{kind: openai, api_base: "{slow}", timeout_seconds: 0.3}}
  gone: {{kind: openai, api_base: "http://127.0.0.1:1/v1"}}
  locked: {{kind: openai, api_base: "{locked}"}}
  busy: {{kind: openai, api_base: "{busy}"}}
models:
  plain: {{provider: recorder, model: unheard-of}}
  mapped: {{provider: recorder, model: gpt-4o-mini}}
  priced: {{provider: recorder, model: gpt-4o-mini, price: {{input_per_million: 3, output_per_million: 20}}}}
  gift: {{provider: keyless, model: mine, price: {{input_per_million: 0, output_per_million: 0}}}}
  shaped:
    provider: recorder
    model: gpt-4o-mini
    defaults: {{temperature: 0.1, max_tokens: 77}}
    allow: [chat_template_kwargs]
    forbid: [logprobs]
    context_tokens: 1000
  broken: {{provider: broken, model: x, fallbacks: [priced]}}
  slow: {{provider: slow, model: x, fallbacks: [mapped]}}
  gone: {{provider: gone, model: x, fallbacks: [broken-too, plain]}}
  broken-too: {{provider: broken, model: x}}
  hopeless: {{provider: broken, model: x, fallbacks: [locked, gone]}}
  locked: {{provider: locked, model: x, fallbacks: [plain]}}
  opened: {{provider: locked, model: x, fallbacks: [plain], fallback_on: [key]}}
  busy: {{provider: busy, model: x, fallbacks: [plain]}}
  impatient: {{provider: busy, model: x, fallbacks: [plain], fallback_on: [rate_limit]}}
  bad-request: {{provider: recorder, model: x, forbid: [top_p], fallbacks: [plain]}}
"""


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    with start_recorder() as running:
        yield running


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with start_provider(tmp_path_factory.mktemp("broken"), offline={"fail": 1}) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, recorder: Recorder, broken: Provider) -> Iterator[Gateway]:
    new = tmp_path_factory.mktemp
    with (
        start_provider(new("slow"), latency_ms=60_000) as slow,
        start_provider(new("locked"), unauthorized_after=0) as locked,
        start_provider(new("busy"), offline={"rate_limit": 1, "retry_after": 7}) as busy,
    ):
        file = new("gateway") / "gateway.yaml"
        urls = {"broken": broken, "slow": slow, "locked": locked, "busy": busy}
        file.write_text(
            FILE.format(recorder=recorder.base_url, **{name: provider.base_url for name, provider in urls.items()})
        )
        keys = {"RECORDER_KEY": "sk-recorder", "OPENAI_API_KEY": "sk-of-the-environment"}
        with start_gateway(file.parent, "--config", str(file), **keys) as running:
            yield running


def post(gateway: Gateway, model: str, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:  # noqa: ANN401
    return send(gateway, body(model=model, **more), headers)


def send(gateway: Gateway, request: dict[str, Any], headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.post(f"{gateway.url}/v1/chat/completions", json=request, headers=headers, timeout=60)


def test_only_the_files_models_are_listed_and_served(gateway: Gateway) -> None:
    listed = httpx.get(f"{gateway.url}/v1/models", timeout=60).json()["data"]
    assert [model["id"] for model in listed][:3] == ["plain", "mapped", "priced"]
    assert listed[-1] == {"id": "offline/fake-1", "object": "model", "created": 0, "owned_by": "offline"}
    assert {"id": "shaped", "context_window": 1000}.items() <= listed[4].items()
    missing = post(gateway, "openai/gpt-4o-mini")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")
    assert "names: plain, mapped, priced" in missing.json()["error"]["message"]
    assert post(gateway, "offline/fake-1").json()["model"] == "offline/fake-1"


def test_a_call_carries_its_providers_key_and_name_and_the_trace(gateway: Gateway, recorder: Recorder) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = post(gateway, "mapped", {"traceparent": trace, "x-synthmill-attempt-ids": "j-0-0-0"})
    assert answer.json()["model"] == "recorder/gpt-4o-mini"
    assert answer.headers["x-synthmill-model"] == "mapped"
    sent = recorder.requests[-1]
    assert sent.headers["authorization"] == "Bearer sk-recorder"
    assert sent.headers["x-synthmill-attempt-ids"] == "j-0-0-0"
    assert (sent.body["model"], sent.body["seed"]) == ("gpt-4o-mini", 1)
    _, trace_id, span_id, _ = sent.headers["traceparent"].split("-")
    assert trace_id == trace.split("-")[1]
    assert span_id != trace.split("-")[2]


def test_a_provider_without_a_key_is_not_sent_the_environments(gateway: Gateway, recorder: Recorder) -> None:
    assert post(gateway, "gift").status_code == 200
    assert "sk-of-the-environment" not in json.dumps(recorder.requests[-1].headers)


@pytest.mark.parametrize(
    ("model", "cost"),
    [
        ("plain", None),
        ("mapped", 1_000 * 0.15e-6 + 100 * 0.6e-6),
        ("priced", 0.005),
        ("gift", 0),
        ("offline/fake-1", 0),
    ],
)
def test_a_call_costs_what_the_file_or_the_price_map_says_or_nobody_knows(
    gateway: Gateway, model: str, cost: float | None
) -> None:
    told = post(gateway, model).headers.get("x-synthmill-cost-usd")
    assert (None if told is None else float(told)) == pytest.approx(cost)


def test_an_answer_without_usage_has_no_known_cost_unless_all_is_free(gateway: Gateway, recorder: Recorder) -> None:
    recorder.answer = {"usage": None}
    try:
        assert "x-synthmill-cost-usd" not in post(gateway, "priced").headers
        assert "x-synthmill-cost-usd" not in post(gateway, "mapped").headers
        assert post(gateway, "gift").headers["x-synthmill-cost-usd"] == "0"
    finally:
        recorder.answer = {}


def test_defaults_fill_in_and_what_the_file_allows_passes(gateway: Gateway, recorder: Recorder) -> None:
    assert post(gateway, "shaped", temperature=0.9, chat_template_kwargs={"thinking": False}).status_code == 200
    sent = recorder.requests[-1].body
    assert (sent["temperature"], sent["max_tokens"]) == (0.9, 77)
    assert sent["chat_template_kwargs"] == {"thinking": False}


@pytest.mark.parametrize("parameter", [{"logprobs": True}, {"top_k": 3}, {"extra_body": {"a": 1}}, {"offline": {}}])
def test_what_the_file_does_not_let_through_is_a_400(
    gateway: Gateway, recorder: Recorder, parameter: dict[str, Any]
) -> None:
    before = len(recorder.requests)
    refused = post(gateway, "shaped", **parameter)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, next(iter(parameter)))
    assert len(recorder.requests) == before


def test_a_prompt_that_cannot_fit_is_refused_before_it_is_paid(gateway: Gateway, recorder: Recorder) -> None:
    before = len(recorder.requests)
    refused = post(gateway, "shaped", user="word " * 2_000)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "context_length_exceeded")
    assert len(recorder.requests) == before


@pytest.mark.parametrize(
    ("asked", "answered", "model", "cost"),
    [
        ("broken", "priced", "recorder/gpt-4o-mini", 0.005),
        ("slow", "mapped", "recorder/gpt-4o-mini", 0.00021),
        ("gone", "plain", "recorder/unheard-of", None),
        ("opened", "plain", "recorder/unheard-of", None),
        ("impatient", "plain", "recorder/unheard-of", None),
    ],
)
def test_a_fallback_answers_under_its_own_name_at_its_own_price(
    gateway: Gateway, asked: str, answered: str, model: str, cost: float | None
) -> None:
    response = post(gateway, asked)
    assert response.status_code == 200, response.text
    assert (response.headers["x-synthmill-model"], response.json()["model"]) == (answered, model)
    told = response.headers.get("x-synthmill-cost-usd")
    assert (None if told is None else float(told)) == pytest.approx(cost)


def test_each_model_is_asked_once(gateway: Gateway, broken: Provider, recorder: Recorder) -> None:
    before = len(read_calls(broken.log)), len(recorder.requests)
    post(gateway, "broken")
    assert (len(read_calls(broken.log)), len(recorder.requests)) == (before[0] + 1, before[1] + 1)


def test_a_rate_limit_and_a_refused_key_are_the_callers_to_hear(gateway: Gateway, recorder: Recorder) -> None:
    before = len(recorder.requests)
    busy, locked = post(gateway, "busy"), post(gateway, "locked")
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "7")
    assert (locked.status_code, locked.json()["error"]["code"]) == (401, "provider_key")
    assert "provider 'locked'" in locked.json()["error"]["message"]
    assert len(recorder.requests) == before


def test_a_request_that_is_wrong_is_wrong_everywhere(gateway: Gateway, recorder: Recorder) -> None:
    before = len(recorder.requests)
    assert post(gateway, "bad-request", top_p=0.5).status_code == 400
    assert len(recorder.requests) == before


def test_when_nobody_answers_it_is_the_first_models_failure_and_tells_of_the_others(gateway: Gateway) -> None:
    response = post(gateway, "hopeless")
    told = response.json()["error"]
    assert (response.status_code, told["code"]) == (500, "fail")
    assert "locked could not stand in" in told["message"]
    assert "gone could not stand in" in told["message"]


@pytest.mark.parametrize("model", ["mapped", "shaped"])
@pytest.mark.parametrize(
    "name",
    [
        *("api_base", "base_url", "api_key", "api_version", "custom_llm_provider", "organization", "extra_headers"),
        *("headers", "model_list", "fallbacks", "mock_response", "metadata", "litellm_metadata", "callbacks"),
        *("success_callback", "user_config", "aws_role_name", "vertex_credentials", "azure_ad_token", "langfuse_host"),
        *("num_retries", "timeout", "ssl_verify", "client", "proxy_server_request", "use_litellm_proxy", "model_info"),
    ],
)
def test_no_word_of_a_request_leads_the_gateway_elsewhere(
    gateway: Gateway, recorder: Recorder, model: str, name: str
) -> None:
    before = len(recorder.requests)
    with start_recorder() as elsewhere:
        refused = send(gateway, {**body(model=model), name: elsewhere.base_url})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, name)
        assert elsewhere.requests == []
    assert len(recorder.requests) == before


def check(file: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "synthmill_gateway", "--check", "--config", str(file)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_check_tells_what_only_litellm_knows(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("""
version: 1
providers:
  a: {kind: opnai}
  b: {kind: openai, api_key_env: B_KEY, limits: {dollars_per_day: 5}}
models:
  m: {provider: a, model: m, allow: [top_k, api_base, callbacks]}
  n: {provider: b, model: unheard-of}
  o: {provider: b, model: gpt-4o-mini}
""")
    ended = check(file, B_KEY="sk-b")
    assert ended.returncode == 2
    assert "has 4 faults" in ended.stderr
    assert "providers.a.kind (line 4): LiteLLM knows no provider 'opnai'\n    Did you mean 'openai'?" in ended.stderr
    assert "providers.b.limits.dollars_per_day (line 5): no price of the model 'n' is known" in ended.stderr
    assert "models.m.allow[1] (line 7): 'api_base' steers LiteLLM itself" in ended.stderr
    assert "models.m.allow[2] (line 7): 'callbacks' steers LiteLLM itself" in ended.stderr
    assert "sk-b" not in ended.stdout + ended.stderr


def test_check_says_what_a_good_file_serves(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("version: 1\noffline: true\n")
    ended = check(file)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"{file} can be used; it serves offline/fake-1\n"


@pytest.mark.parametrize("options", [(), ("--workers", "2")])
def test_a_file_that_litellm_cannot_work_with_ends_the_gateway(tmp_path: Path, options: tuple[str, ...]) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("version: 1\nproviders: {a: {kind: opnai}}\nmodels: {m: {provider: a, model: m}}\n")
    command = [sys.executable, "-m", "synthmill_gateway", "--port", "0", "--config", str(file), *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 2
    assert "LiteLLM knows no provider 'opnai'" in ended.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_an_open_door_is_not_opened_without_a_word(tmp_path: Path, host: str) -> None:
    command = [sys.executable, "-m", "synthmill_gateway", "--port", "0", "--host", host]
    ended = subprocess.run(command, env={}, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "SYNTHMILL_GATEWAY__TOKEN" in ended.stderr
    with start_gateway(tmp_path, "--host", "0.0.0.0", SYNTHMILL_GATEWAY__ALLOW_ANYONE="true"):
        pass
    with start_gateway(tmp_path, "--host", "0.0.0.0", SYNTHMILL_GATEWAY__TOKEN="secret"):
        pass
