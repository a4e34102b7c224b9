"""API, worker and gateway as long-running programs on the real servers: they stop in order in the middle of work,
another one goes on, and what they log and say can be followed from service to service."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from synthmill.ports.records import Collection
from synthmill_schemas.job import JobDocument, JobState
from tests.support.indices import Indices
from tests.support.installation import Installation, installation
from tests.support.on_stack import ON_STACK
from tests.support.provider import start_provider
from tests.support.services import STOP_SECONDS, Service
from tests.support.stack_jobs import recipe, rows
from tests.support.wait import until

pytestmark = list(ON_STACK)

ROWS = 20_000
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SLOWLY = {"SYNTHMILL_WORKER__CHUNK_ROWS": "10", "SYNTHMILL_WORKER__PUBLISH_CHUNK": "10"}
"""So that no machine is through with the rows within the time in which a stopping worker may finish."""
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def mill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An API, and workers as the tests want them; nobody generates."""
    with installation(tmp_path_factory.mktemp("mill"), NOBODY, workers=0, consumers=0) as running:
        yield running


def traced(mill: Installation, count: int) -> str:
    """A job on so many rows, ordered by a client that has a trace of its own."""
    source = mill.client.upload(f"products-{count}.csv", rows(count))
    answer = mill.client.http.post(
        "/v1/jobs",
        json={"recipe": recipe(), "sources": [source]},
        headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"},
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_a_worker_that_is_stopped_while_it_plans_hands_the_job_over(mill: Installation) -> None:
    usual = dict(mill.environment)
    mill.environment |= SLOWLY
    first = mill.add_worker()
    mill.environment = usual
    first.until_ready()
    job_id = traced(mill, ROWS)
    with Indices(mill.settings.elasticsearch) as indices:
        until(lambda: indices.count(Collection.INPUTS) > 0, "the first seeds", every=0.05)
        assert first.stop() == 0
        assert indices.job(job_id).state is JobState.PUBLISHED
        assert indices.job(job_id).planner is None
        assert indices.documents(Collection.STARTS) == []  # no step nearer to being given up
        second = mill.add_worker()

        def planned() -> JobDocument | None:
            job = indices.job(job_id)
            return job if job.state is JobState.PLANNED else None

        assert until(planned, "the second worker to plan it", seconds=240, every=0.5)
        assert indices.count(Collection.INPUTS) == ROWS
    assert second.stop() == 0
    handed = [line for line in first.logged() if str(line["message"]).endswith("handed over")]
    done = [line for line in second.logged() if str(line["message"]).endswith("on jobs: planned")]
    assert [(line["message_id"], line["trace_id"]) for line in (*handed, *done)] == [(job_id, TRACE)] * 2
    assert {line["service"] for line in (*first.logged(), *second.logged())} == {"worker"}
    mill.client.http.post(f"/v1/jobs/{job_id}/cancel")


def test_what_happened_to_a_job_is_told_from_all_services_in_order(mill: Installation) -> None:
    worker = mill.add_worker()
    job_id = traced(mill, 3)
    until(lambda: mill.client.get(f"/v1/jobs/{job_id}")["state"] == "planned", "the job to be planned")
    assert mill.client.http.post(f"/v1/jobs/{job_id}/cancel").status_code == 200
    command = [sys.executable, "-m", "synthmill", "logs", job_id, "--json"]
    done = subprocess.run(command, env=mill.environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(event["service"], event["name"]) for event in events] == [
        ("api", "job.published"),
        ("worker", "source.stored"),
        ("worker", "job.planned"),
        ("api", "job.cancelled"),
    ]
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    asked = [line for line in mill.api.logged() if line.get("route") == "/v1/jobs" and line.get("trace_id") == TRACE]
    assert asked
    assert {(line["method"], line["status"]) for line in asked} == {("POST", 202)}
    assert worker.stop() == 0


def test_the_api_finishes_an_upload_before_it_stops(tmp_path: Path, mill: Installation) -> None:
    api = mill.add_api()
    api.until_ready()
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> Iterator[bytes]:
        yield b"sku,title\n"
        begun.set()
        assert go_on.wait(STOP_SECONDS)
        yield b"P-1,lamp\n"

    answers: list[httpx.Response] = []

    def upload() -> None:
        headers = {**mill.client.http.headers, "content-type": "application/octet-stream"}
        answers.append(httpx.post(f"{api.url}/v1/sources?name=a.csv", content=slowly(), headers=headers, timeout=60))

    uploading = threading.Thread(target=upload)
    uploading.start()
    assert begun.wait(STOP_SECONDS)
    assert api.process is not None
    api.process.terminate()
    until(lambda: not _listens(api), "it to take no more requests")
    go_on.set()
    assert api.process.wait(STOP_SECONDS) == 0
    uploading.join()
    assert [answer.status_code for answer in answers] == [201]


def _listens(service: Service) -> bool:
    try:
        return httpx.get(f"{service.url}/healthz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_the_gateway_finishes_a_call_before_it_stops(tmp_path: Path, mill: Installation) -> None:
    with start_provider(tmp_path, latency_ms=2_000) as provider:
        mill.add_gateway(provider.url)
        gateway = mill.gateway
        gateway.until_ready()
        answers: list[httpx.Response] = []

        def call() -> None:
            body = {"model": "openai/one", "messages": [{"role": "user", "content": "a word"}]}
            url = f"{gateway.url}/v1/chat/completions"
            answers.append(httpx.post(url, json=body, timeout=60, headers={"traceparent": f"00-{TRACE}-{'1' * 16}-01"}))

        calling = threading.Thread(target=call)
        calling.start()
        until(lambda: in_flight(gateway) == 1, "the call")
        assert gateway.stop() == 0
        calling.join()
    assert [answer.status_code for answer in answers] == [200]
    (told,) = [line for line in gateway.logged() if "outcome" in line]
    assert (told["outcome"], told["trace_id"], told["service"]) == ("answered", TRACE, "gateway")


def in_flight(gateway: Service) -> float:
    """Calls that the provider has not answered; a model that was never called has no sample."""
    return sum(value for name, value in gateway.metrics().items() if "calls_in_flight{" in name)


def test_a_worker_says_what_it_misses(mill: Installation) -> None:
    worker = mill.add_worker()
    worker.until_ready()
    ready = httpx.get(f"{worker.url}/readyz", timeout=10).json()
    assert ready == {"ready": True, "checks": {"store": "ok", "broker": "ok", "objects": "ok", "queues": "ok"}}
    depths = "synthmill_worker_queue_messages"
    until(lambda: any(name.startswith(depths) for name in worker.metrics()), "the depths of the queues")
    assert worker.stop() == 0
