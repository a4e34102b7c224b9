"""What the gateway tells of itself: metrics that are the same whichever worker is asked, and lines with the trace."""

import json
import os
import re
import signal
from pathlib import Path

import httpx
import pytest

from tests.support.gateway import Gateway, start_gateway
from tests.support.wait import until

CHAT = "/v1/chat/completions"
GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OFFLINE = {"model": "offline/fake-1", "messages": [{"role": "user", "content": "a word"}]}
BROKEN = {**OFFLINE, "offline": {"fail": 1}}
CALLS = "synthmill_gateway_calls_total"


def post(gateway: Gateway, body: dict[str, object]) -> int:
    """One chat request over a connection of its own, so that the kernel chooses a worker each time."""
    headers = {"traceparent": GIVEN, "x-synthmill-attempt-ids": "job-1-0-1-1"}
    return httpx.post(gateway.url + CHAT, json=body, headers=headers, timeout=60).status_code


def samples(gateway: Gateway, name: str) -> dict[str, float]:
    """The samples of a metric by their labels, as whichever worker tells them that gets the question."""
    text = httpx.get(f"{gateway.url}/metrics").text
    return {labels: float(value) for labels, value in re.findall(rf"^{name}\{{(.*)\}} (\S+)$", text, re.MULTILINE)}


def ready(gateway: Gateway) -> bool:
    """Whether each of the workers seems to be: they answer by turns. One that was killed may still be given a turn."""
    try:
        return all(httpx.get(f"{gateway.url}/readyz").status_code == 200 for _ in range(12))
    except httpx.TransportError:
        return False


def lines(captured: str) -> list[dict[str, object]]:
    """The log; whatever is no JSON fails the test."""
    return [json.loads(line) for line in captured.splitlines()]


@pytest.mark.parametrize("workers", [1, 2])
def test_whichever_worker_is_asked_tells_the_calls_of_all(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], workers: int
) -> None:
    with start_gateway(tmp_path, "--workers", str(workers)) as gateway:
        until(lambda: ready(gateway), "every worker to be ready")
        answers = [post(gateway, OFFLINE) for _ in range(14)]
        failures = [post(gateway, BROKEN) for _ in range(3)]
        told = [samples(gateway, CALLS) for _ in range(8)]
        costs = samples(gateway, "synthmill_gateway_cost_dollars_total")
        tokens = samples(gateway, "synthmill_gateway_tokens_total")
        in_flight = samples(gateway, "synthmill_gateway_calls_in_flight")
        answered = samples(gateway, "synthmill_gateway_requests_total")
    assert answers == [200] * 14
    assert min(failures) >= 500
    labels = 'model="offline/fake-1",outcome="{}",provider="offline"'
    assert told == [{labels.format("answered"): 14.0, labels.format("server_error"): 3.0}] * 8
    assert set(costs.values()) == set(in_flight.values()) == {0.0}
    assert all(count > 0 for count in tokens.values())
    assert answered == {'status="2xx"': 14.0, 'status="5xx"': 3.0}
    calls = [line for line in lines(capfd.readouterr().err) if "outcome" in line]
    assert len(calls) == 17
    assert {line["trace_id"] for line in calls} == {GIVEN.split("-")[1]}
    assert {line["attempt_ids"] for line in calls} == {"job-1-0-1-1"}
    assert {line["service"] for line in calls} == {"gateway"}


def test_what_a_dead_worker_counted_is_not_forgotten(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with start_gateway(tmp_path, "--workers", "2") as gateway:
        until(lambda: ready(gateway), "every worker to be ready")
        assert [post(gateway, OFFLINE) for _ in range(10)] == [200] * 10
        os.kill(_children(gateway.process.pid)[0], signal.SIGKILL)
        until(lambda: len(_children(gateway.process.pid)) == 2, "another worker")
        until(lambda: ready(gateway), "it to be ready")
        assert [sum(samples(gateway, CALLS).values()) for _ in range(6)] == [10.0] * 6
    assert any("ended with -9" in str(line["message"]) for line in lines(capfd.readouterr().err))


def test_metrics_can_be_switched_off(tmp_path: Path) -> None:
    with start_gateway(tmp_path, SYNTHMILL_MONITORING__METRICS="false") as gateway:
        assert httpx.get(f"{gateway.url}/metrics").status_code == 404
        assert httpx.get(f"{gateway.url}/healthz").json() == {"status": "alive"}


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
