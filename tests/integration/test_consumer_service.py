"""The consumer as a service between RabbitMQ and Elasticsearch: it stops in order, heeds cancels and blocks, says what
it misses, and declares its queues as Python does."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import httpx

from synthmill.bridge.child import find_program
from synthmill.ports.broker import Queue
from synthmill.services import open_services
from synthmill.settings import Settings
from tests.support import stack
from tests.support.facts import assert_all_accepted, paid_twice
from tests.support.indices import Indices
from tests.support.installation import Installation, environment_of, installation, settings_on
from tests.support.killing import answered
from tests.support.on_stack import ON_STACK
from tests.support.provider import read_calls, start_provider
from tests.support.servers import own_server
from tests.support.services import Service, free_port
from tests.support.stack_jobs import recipe, rows
from tests.support.wait import until

pytestmark = list(ON_STACK)

COUNT, CONCURRENCY = 400, 16
TRACE = "0af7651916cd43dd8448eb211c80319c"
FEW_AT_A_TIME = {"SYNTHMILL_CONSUMER__CONCURRENCY": str(CONCURRENCY), "SYNTHMILL_CONSUMER__PREFETCH": "32"}


def test_one_that_is_stopped_ends_its_calls_and_another_goes_on(tmp_path: Path, indices: Path) -> None:
    with (
        start_provider(tmp_path, latency_ms=300) as provider,
        installation(tmp_path, provider.url, indices=indices, consumers=2, **FEW_AT_A_TIME) as mill,
        Indices(mill.settings.elasticsearch) as found,
    ):
        job_id = mill.client.order(recipe(seed=1), mill.client.upload("products.csv", rows(COUNT)))
        until(lambda: len(read_calls(provider.log)) > 4 * CONCURRENCY, "both at work")
        first, second = mill.consumers
        assert first.stop() == 0
        assert len(read_calls(provider.log)) < COUNT, "the stop came too late to matter"
        mill.client.completed(job_id, COUNT)
        assert second.running
        assert_all_accepted(found.job(job_id), found.slots(job_id), COUNT)
        assert paid_twice(answered(provider)) == 0, "what was in flight has to end, the rest was never begun"


def test_a_cancelled_job_gets_no_further_calls(tmp_path: Path, indices: Path) -> None:
    with (
        start_provider(tmp_path, latency_ms=300) as provider,
        installation(tmp_path, provider.url, indices=indices, **FEW_AT_A_TIME) as mill,
    ):
        client = mill.client
        job_id = client.order(recipe(seed=2), client.upload("products.csv", rows(COUNT)))
        until(lambda: len(read_calls(provider.log)) > 2 * CONCURRENCY, "calls")
        assert client.http.post(f"/v1/jobs/{job_id}/cancel").status_code == 200
        until(lambda: emptied(mill.settings), "its requests to be dropped")
        made = len(read_calls(provider.log))
        assert made < COUNT
        told = client.ended(job_id)
        assert (told["state"], told["accepted"]) == ("cancelled", made), "what was paid is kept"
        after = client.order(recipe(seed=3), client.upload("few.csv", rows(5)))
        client.completed(after, 5)
        assert len(read_calls(provider.log)) == made + 5


def emptied(settings: Settings) -> bool:
    """Whether no generation request is waiting or in hand."""

    async def look() -> bool:
        async with open_services(settings) as services:
            depth = await services.broker.depth(Queue.GENERATION)
            return depth.ready + depth.unsettled == 0

    return asyncio.run(look())


def test_a_refused_key_blocks_the_job_with_the_reason(tmp_path: Path, indices: Path) -> None:
    with (
        start_provider(tmp_path, latency_ms=20, unauthorized_after=50) as provider,
        installation(tmp_path, provider.url, indices=indices, **FEW_AT_A_TIME) as mill,
        Indices(mill.settings.elasticsearch) as found,
    ):
        job_id = mill.client.order(recipe(seed=4), mill.client.upload("products.csv", rows(COUNT)))
        told = mill.client.ended(job_id)
        assert (told["state"], told["rejects_by_class"]) == ("blocked", {})
        assert told["accepted"] == len(answered(provider)) >= 50, "answers that came meanwhile are kept"
        assert "401" in told["reason"]
        assert len([slot for slot in found.slots(job_id) if slot["state"] != "accepted"]) == 0
        refused = [call for call in read_calls(provider.log) if call["status"] == 401]
        assert 0 < len(refused) <= CONCURRENCY
        assert_one_trace(mill, job_id)


def assert_one_trace(mill: Installation, job_id: str) -> None:
    """API, worker and consumer tell of the job under one trace, which the API began."""
    ordered = [line for line in logged(mill.api) if (line.get("method"), line.get("route")) == ("POST", "/v1/jobs")]
    worked = [line for line in logged(mill.workers[0]) if line.get("message_id") == job_id]
    blocked = [line for line in logged(mill.consumers[0]) if line["message"] == "job blocked"]
    assert ordered
    assert worked
    assert [line["job_id"] for line in blocked] == [job_id]
    assert len({line["trace_id"] for line in (*ordered, *worked, *blocked)}) == 1, (ordered, worked, blocked)
    assert re.fullmatch("[0-9a-f]{32}", blocked[0]["trace_id"])


def logged(service: Service) -> list[dict[str, Any]]:
    """The lines that it wrote."""
    return [json.loads(line) for line in service.log.read_text().splitlines() if line.startswith("{")]


def test_a_clients_trace_reaches_the_gateway(tmp_path: Path, indices: Path) -> None:
    with (
        start_provider(tmp_path) as provider,
        installation(tmp_path, provider.url, indices=indices, gateway=True) as mill,
    ):
        source = mill.client.upload("products.csv", rows(3))
        body = {"recipe": recipe(seed=5, model={"route": "openai/gpt-4.1-mini"}), "sources": [source]}
        headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
        answer = mill.client.http.post("/v1/jobs", json=body, headers=headers)
        mill.client.completed(answer.json()["id"], 3)
        assert [line["trace_id"] for line in logged(mill.gateway) if line.get("outcome") == "answered"] == [TRACE] * 3


def test_it_says_that_the_broker_is_away_and_comes_back_by_itself(tmp_path: Path, indices: Path) -> None:
    with (
        own_server("rabbitmq") as rabbitmq,
        start_provider(tmp_path) as provider,
        installation(tmp_path, provider.url, rabbitmq, indices=indices) as mill,
    ):
        (consumer,) = mill.consumers
        rabbitmq.kill()
        until(lambda: not consumer.ready(), "the consumer to miss the broker")
        missing = httpx.get(f"{consumer.url}/readyz", timeout=10)
        assert missing.status_code == 503
        assert "broker" in missing.text
        assert httpx.get(f"{consumer.url}/healthz", timeout=10).status_code == 200
        rabbitmq.start()
        mill.until_ready()
        job_id = mill.client.order(recipe(seed=6), mill.client.upload("products.csv", rows(5)))
        mill.client.completed(job_id, 5)


def test_it_declares_the_queues_that_python_declares(tmp_path: Path, indices: Path) -> None:
    """Whoever comes second is refused by the broker if a single argument differs; elsewhere Python comes first."""
    settings = settings_on(tmp_path, indices=indices)
    environment = {**environment_of(settings), "SYNTHMILL_MONITORING__PORT": str(free_port())}
    port = int(environment["SYNTHMILL_MONITORING__PORT"])
    consumer = Service("consumer", [str(find_program(Settings()))], environment, tmp_path / "consumer.log", port)
    consumer.start()
    try:
        until(lambda: '"part":"Broker"' in consumer.log.read_text(), "the consumer at its queue")
        assert emptied(settings)
    finally:
        consumer.end()
        asyncio.run(stack.remove_queues(str(tmp_path)))
