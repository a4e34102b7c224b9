"""Messages that nobody can work on: each is parked with evidence, those beside it are not, and the rest goes on."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from synthmill.ports.broker import Message, Queue
from synthmill.ports.records import Collection
from synthmill.services import open_services
from synthmill_schemas.ids import record_id
from synthmill_schemas.job import JobState
from tests.support.indices import Indices
from tests.support.installation import Installation, installation
from tests.support.on_stack import ON_STACK
from tests.support.provider import Provider, read_calls, start_provider
from tests.support.stack_jobs import recipe, rows
from tests.support.wait import until

pytestmark = [pytest.mark.e2e, *ON_STACK]

COUNT = 40
POISON = "P-17"
"""The sku of a row, which stands in its prompt."""


def publish(mill: Installation, queue: Queue, *bodies: bytes) -> None:
    """Puts messages into a queue past every service; they are called `stray-0` and so on."""

    async def send() -> None:
        async with open_services(mill.settings) as services:
            await services.broker.publish(queue, [Message(f"stray-{n}", body) for n, body in enumerate(bodies)])

    asyncio.run(send())


def letters(found: Indices, count: int) -> dict[str, dict[str, Any]]:
    """The dead letters that are kept, by queue and message, once there are so many."""

    def kept() -> dict[str, dict[str, Any]]:
        reports = [report for report in found.documents(Collection.REPORTS) if report.get("kind") == "dead_letter"]
        by_id = {f"{report['queue']} {report['message_id']}": report for report in reports}
        return by_id if len(by_id) >= count else {}

    return until(kept, f"{count} dead letters")


def test_what_is_no_message_is_kept_with_the_reason_and_the_rest_goes_on(tmp_path: Path) -> None:
    future = json.dumps({"version": 99, "kind": "job", "job_id": "j", "request_id": "r"}).encode()
    bodies = (b"{ not JSON", future, b"\xff\xfe")
    with (
        start_provider(tmp_path) as provider,
        installation(tmp_path, provider.url) as mill,
        Indices(mill.settings.elasticsearch) as found,
    ):
        for queue in (Queue.JOBS, Queue.GENERATION):
            publish(mill, queue, *bodies)
        job_id = mill.client.order(recipe(), mill.client.upload("products.csv", rows(COUNT)))
        mill.client.completed(job_id, COUNT)
        kept = letters(found, 6)
        assert set(kept) == {f"{name} stray-{n}" for name in ("jobs", "generation") for n in range(3)}
        for name in ("jobs", "generation"):
            text, later, other = (kept[f"{name} stray-{n}"] for n in range(3))
            assert "JSON" in text["reason"]
            assert "version" in later["reason"]
            assert (text["body"], later["body"], other["encoding"]) == ("{ not JSON", future.decode(), "base64")


def test_a_request_that_kills_its_consumer_each_time_is_parked_after_its_third_beginning(
    tmp_path: Path, indices: Path
) -> None:
    # the provider never answers it, so that the consumer can be killed while it works on just this one
    with (
        start_provider(tmp_path, latency_ms=20, hold=f"item {POISON}.") as provider,
        installation(tmp_path, provider.url, indices=indices) as mill,
        Indices(mill.settings.elasticsearch) as found,
    ):
        (consumer,) = mill.consumers
        job_id = mill.client.order(recipe(), mill.client.upload("products.csv", rows(COUNT)))
        for deaths in (1, 2, 3):  # among others, in a small group, alone
            until(lambda deaths=deaths: held(provider) == deaths, "the consumer to work on the poison")
            consumer.kill()
            consumer.start()
        progress = mill.client.ended(job_id)
        assert (progress["state"], progress["accepted"], progress["parked"]) == ("completed_with_parked", COUNT - 1, 1)
        assert held(provider) == 3, "it was begun again instead of being parked"
        (parked,) = [slot for slot in found.slots(job_id) if slot["state"] == "parked"]
        assert parked["attributes"]["sku"] == POISON
        assert "3 times" in parked["reason"]
        (letter,) = letters(found, 1).values()
        assert (letter["job_id"], letter["starts"]) == (job_id, 3)
        assert json.loads(letter["body"])["slots"][0]["attributes"]["sku"] == POISON


def held(provider: Provider) -> int:
    """How many calls the provider let hang."""
    return sum(call["fault"] == "held" for call in read_calls(provider.log))


def test_a_job_that_kills_its_worker_each_time_fails_with_the_reason_and_one_beside_it_does_not(
    tmp_path: Path, indices: Path
) -> None:
    count = 600
    with (
        start_provider(tmp_path) as provider,
        installation(
            tmp_path, provider.url, indices=indices, SYNTHMILL_WORKER__CHUNK_ROWS="10", SYNTHMILL_WORKER__PREFETCH="2"
        ) as mill,
        Indices(mill.settings.elasticsearch) as found,
    ):
        (worker,) = mill.workers
        source = mill.client.upload("products.csv", rows(count))
        worker.frozen(stand_still=True)  # so that it has both in hand before it can end one
        poison, innocent = (mill.client.order(recipe(seed=number), source) for number in range(2))
        worker.frozen(stand_still=False)
        for _ in range(2):
            until(lambda: planned_by(found, poison) == worker.pid, "the worker to plan the poison")
            worker.kill()
            assert found.job(poison).state is not JobState.PLANNED
            worker.start()
        failed = mill.client.ended(poison)
        assert failed["state"] == "failed"
        assert "began 3 times" in failed["reason"]
        mill.client.completed(innocent, count)
        (letter,) = [kept for kept in letters(found, 1).values() if kept["queue"] == "jobs"]
        assert (letter["job_id"], letter["starts"]) == (poison, 3)


def planned_by(found: Indices, job_id: str) -> int | None:
    """The process that plans the job."""
    planner = found.job(job_id).planner
    return None if planner is None else int(planner.owner.rsplit("-", 2)[1])


def test_a_record_that_the_store_refuses_is_a_reject_and_the_others_are_stored_once(tmp_path: Path) -> None:
    beyond = 2**64 - 1  # an integer by the recipe's schema; no field of the index can hold it
    columns = [
        {"name": "sku", "kind": "source"},
        {
            "name": "made",
            "kind": "llm",
            "prompt": "How many of item {{ sku }}. are there?",
            "schema": {"type": "object", "required": ["number"], "properties": {"number": {"type": "integer"}}},
        },
    ]
    says = {f"item {POISON}.": json.dumps({"made": {"number": beyond}})}
    # all are answered at the same moment, so they are stored together
    with (
        start_provider(tmp_path, latency_ms=500, say=says) as provider,
        installation(tmp_path, provider.url) as mill,
        Indices(mill.settings.elasticsearch) as found,
    ):
        source = mill.client.upload("products.csv", rows(COUNT))
        job_id = mill.client.order(recipe(columns=columns), source)
        progress = mill.client.ended(job_id)
        assert (progress["state"], progress["accepted"], progress["exhausted"]) == ("failed", COUNT - 1, 1)
        assert progress["rejects_by_class"] == {"store": 1}
        refused = record_id(job_id, int(POISON.removeprefix("P-")))
        (reject,) = found.documents(Collection.REJECTS, job_id)
        assert (reject["record_id"], reject["reject_class"]) == (refused, "store")
        assert "number" in reject["reason"]
        assert str(beyond) in reject["raw"]
        hits = list(found.hits(Collection.RECORDS, job_id))
        states = {hit["_source"]["record_id"]: hit["_source"]["state"] for hit in hits}
        assert states == {record_id(job_id, n): "accepted" for n in range(COUNT)} | {refused: "exhausted"}
        # each write that the index takes has a number of its own: as many as documents, so none was sent again
        assert sorted(hit["_seq_no"] for hit in hits) == list(range(COUNT))
        metrics = mill.consumers[0].metrics()
        assert metrics['synthmill_consumer_bulk_items_total{result="refused"}'] == 1
        assert metrics['synthmill_consumer_bulk_items_total{result="again"}'] == 0
        assert metrics["synthmill_consumer_bulk_documents_sum"] > metrics["synthmill_consumer_bulk_documents_count"] * 2
        assert len(read_calls(provider.log)) == COUNT
