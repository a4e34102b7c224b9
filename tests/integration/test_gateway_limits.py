"""The gateway's limits over several workers, and its file read anew while it runs."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.gateway import Gateway, start_gateway
from tests.support.offline import TICKET, body
from tests.support.provider import start_provider
from tests.support.wait import until

LIMITED = """
version: 1
offline: true
providers:
  pretended: {kind: offline, limits: {concurrent: 6}}
models:
  narrow: {provider: pretended, model: fake-1, limits: {concurrent: 3}}
  wide: {provider: pretended, model: fake-1}
  slow: {provider: pretended, model: fake-1, limits: {requests_per_minute: 6}}
  dear:
    provider: pretended
    model: fake-1
    price: {input_per_million: 1000, output_per_million: 1000}
    limits: {dollars_per_day: 0.5}
"""
TWO_WORKERS = ("--workers", "2")
CLIENT = httpx.Client(timeout=60, limits=httpx.Limits(max_keepalive_connections=0))
"""A new connection each time: the kernel gives each to one of the workers."""


def write(folder: Path, text: str) -> Path:
    file = folder / "gateway.yaml"
    file.write_text(text)
    return file


def post(gateway: Gateway, model: str, **more: Any) -> httpx.Response:  # noqa: ANN401  any JSON
    request = body(TICKET, model=model, **more)
    return CLIENT.post(f"{gateway.url}/v1/chat/completions", json=request)


def at_once(count: int, call: Callable[[int], httpx.Response]) -> list[int]:
    with ThreadPoolExecutor(count) as pool:
        return sorted(answer.status_code for answer in pool.map(call, range(count)))


def names(gateway: Gateway) -> list[str]:
    listed = CLIENT.get(f"{gateway.url}/v1/models").json()["data"]
    return [model["id"] for model in listed]


def warmed(gateway: Gateway) -> None:
    """Each process has loaded LiteLLM: the kernel picks one for each connection."""
    until(lambda: at_once(8, lambda seed: post(gateway, "wide", seed=seed)).count(200) > 3, "answers")


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Gateway]:
    with start_gateway(tmp_path, "--config", str(write(tmp_path, LIMITED)), *TWO_WORKERS) as gateway:
        warmed(gateway)
        yield gateway


def test_limits_hold_for_all_processes_together(limited: Gateway) -> None:
    slow = {"offline": {"latency_ms": 5_000}}
    assert at_once(8, lambda seed: post(limited, "narrow", seed=seed, **slow)) == [200] * 3 + [429] * 5
    both = at_once(12, lambda seed: post(limited, ("narrow", "wide")[seed % 2], seed=seed, **slow))
    assert both == [200] * 6 + [429] * 6, "the provider's limit holds for its models together"

    assert post(limited, "slow").status_code == 200
    refused = post(limited, "slow")
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "gateway_limit")
    assert 0 < int(refused.headers["retry-after-ms"]) <= 1_000 * int(refused.headers["retry-after"]) <= 10_000

    spent = 0.0
    for seed in range(40):
        answer = post(limited, "dear", seed=seed)
        if answer.status_code == 402:
            break
        spent += float(answer.headers["x-synthmill-cost-usd"])
    assert answer.json()["error"]["code"] == "daily_limit"
    assert spent >= 0.5 > spent - 0.2, "the call that crossed it was the last"


def test_a_days_money_is_remembered_where_a_state_is_named(tmp_path: Path) -> None:
    file, state = write(tmp_path, LIMITED), tmp_path / "kept" / "counters"
    for expected in (200, 402):
        with start_gateway(tmp_path, "--config", str(file), SYNTHMILL_GATEWAY__STATE=str(state)) as gateway:
            assert post(gateway, "dear").status_code == expected
            while expected == 200 and post(gateway, "dear").status_code == 200:
                pass


def test_calls_of_a_killed_worker_are_not_counted_for_ever(tmp_path: Path) -> None:
    options = ("--config", str(write(tmp_path, LIMITED)), *TWO_WORKERS)
    with start_gateway(tmp_path, *options) as gateway, ThreadPoolExecutor(3) as pool:
        warmed(gateway)
        hanging = [pool.submit(hang, gateway, seed) for seed in range(3)]
        until(lambda: post(gateway, "narrow").status_code == 429, "the limit to be reached")
        for pid in children(gateway.process.pid):
            os.kill(pid, signal.SIGKILL)
        for call in hanging:
            assert isinstance(call.exception(), httpx.HTTPError)
        until(lambda: answered(gateway) == [200] * 3, "the limit to be free again")


def hang(gateway: Gateway, seed: int) -> None:
    """A call that ends with its worker. The probe beside it may hold the last place for a moment: asks again then."""
    while post(gateway, "narrow", seed=seed, offline={"latency_ms": 600_000}).status_code == 429:
        pass


def answered(gateway: Gateway) -> list[int]:
    try:
        return at_once(3, lambda seed: post(gateway, "narrow", seed=seed, offline={"latency_ms": 300}))
    except httpx.HTTPError:
        return []


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("options", [(), TWO_WORKERS], ids=["one process", "two workers"])
def test_a_good_file_is_taken_over_and_a_bad_one_is_not(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    with start_provider(tmp_path) as provider:
        file = write(tmp_path, "version: 1\noffline: true\n")
        with start_gateway(tmp_path, "--config", str(file), *options) as gateway:
            assert names(gateway) == ["offline/fake-1"]
            told = ""

            write(tmp_path, "version: 1\nproviders: {a: {kind: opnai, key: x}}\n")
            gateway.process.send_signal(signal.SIGHUP)

            def is_told(what: str) -> bool:
                nonlocal told
                told += capfd.readouterr().err
                return what in told

            until(lambda: is_told("there is no 'key' here"), "the faults")
            assert "what was read before stays" in told
            assert {tuple(names(gateway)) for _ in range(8)} == {("offline/fake-1",)}

            providers = f'providers: {{p: {{kind: openai, api_base: "{provider.base_url}"}}}}'
            write(tmp_path, f"version: 1\n{providers}\nmodels: {{new: {{provider: p, model: x}}}}\n")
            gateway.process.send_signal(signal.SIGHUP)
            until(lambda: {tuple(names(gateway)) for _ in range(8)} == {("new",)}, "the new names in every process")
            assert post(gateway, "new").json()["model"] == "p/x"
            assert post(gateway, "offline/fake-1").status_code == 404
            for pid in children(gateway.process.pid):
                os.kill(pid, signal.SIGKILL)
            until(lambda: names_or_none(gateway) == ["new"], "a worker that was started again")
            assert gateway.process.stdin is not None
            gateway.process.stdin.close()
            assert gateway.process.wait(30) == 0


def names_or_none(gateway: Gateway) -> list[str] | None:
    try:
        return names(gateway)
    except httpx.HTTPError:
        return None


def test_without_a_file_sighup_changes_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with start_gateway(tmp_path) as gateway:
        gateway.process.send_signal(signal.SIGHUP)
        until(lambda: "no file to read again" in capfd.readouterr().err, "a word about it")
        assert httpx.get(f"{gateway.url}/healthz", timeout=60).status_code == 200
