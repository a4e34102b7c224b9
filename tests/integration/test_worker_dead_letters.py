"""Dead letters become documents, and what waited for them learns that they will not come."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.jobs.documents import change_job
from synthmill.jobs.rounds import republish
from synthmill.jobs.status import job_status
from synthmill.ports.broker import Message, Queue, Settlement
from synthmill.ports.records import Collection, Place, Write, WriteMode
from synthmill.settings import Settings
from synthmill_schemas.dead_letter import DeadLetterDocument
from synthmill_schemas.job import JobState
from tests.support.jobs import accepted
from tests.support.messages import depth_is, take_one
from tests.support.uploads import DATASET, TENANT, job_of, stored, submitted, worked


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[EmbeddedServices]:
    async with open_embedded(Settings(home=tmp_path / "home")) as opened:
        yield opened


async def bury(services: EmbeddedServices, queue: Queue, **evidence: str) -> Message:
    """Lets the first message of a queue die."""
    async with services.broker.consume(queue, prefetch=1) as consumption:
        delivery = await take_one(consumption)
        await consumption.started(delivery)
        await consumption.settle(delivery, Settlement.DEAD_LETTER, evidence=evidence)
    return delivery.message


async def reports(services: EmbeddedServices) -> list[DeadLetterDocument]:
    """The dead letters that are kept."""
    kept = await stored(services, Collection.REPORTS, kind="dead_letter")
    return [DeadLetterDocument.model_validate(document) for document in kept]


async def test_a_job_whose_planning_was_given_up_fails_with_the_evidence(services: EmbeddedServices) -> None:
    await submitted(services)
    buried = await bury(services, Queue.JOBS, reason="it kills the worker")
    await worked(services)
    job = await job_of(services)
    assert job.state is JobState.FAILED
    assert job.reason == "planning was given up: it kills the worker; `synthmill resume` tries again"
    (letter,) = await reports(services)
    assert (letter.queue, letter.job_id, letter.round, letter.starts) == ("jobs", "job-1", 1, 1)
    assert letter.body.encode() == buried.body
    assert letter.evidence == {"reason": "it kills the worker"}


async def test_a_message_that_is_no_job_is_kept_whole(services: EmbeddedServices) -> None:
    await services.broker.publish(Queue.JOBS, [Message("text", b"not JSON"), Message("bytes", b"\xff\x00", {"a": "b"})])
    await worked(services)
    letters = {letter.message_id: letter for letter in await reports(services)}
    assert letters["text"].body == "not JSON"
    assert letters["text"].reason.startswith("not a job message: the body is not JSON (")
    assert (letters["bytes"].encoding, base64.b64decode(letters["bytes"].body)) == ("base64", b"\xff\x00")
    assert letters["bytes"].headers == {"a": "b"}


async def test_the_slots_of_a_dead_request_are_parked_with_the_evidence(services: EmbeddedServices) -> None:
    await submitted(services, batch=2)
    await worked(services)
    await bury(services, Queue.GENERATION, reason="it kills the consumer")
    await worked(services)
    slots = await stored(services, Collection.SLOTS)
    assert [(slot["slot"], slot["state"], slot["reject_class"]) for slot in slots] == [
        (0, "parked", "provider"),
        (1, "parked", "provider"),
    ]
    (letter,) = await reports(services)
    assert slots[0]["reason"] == f"it kills the consumer; its request is kept as {letter.report_id}"
    assert slots[0]["attributes"] == {"title": "lamp"}
    assert slots[0]["seed_id"]
    status = await job_status(services.store, TENANT, "job-1")
    assert (status.requested, status.parked, status.pending) == (3, 2, 1)


async def test_the_evidence_may_tell_the_class(services: EmbeddedServices) -> None:
    await submitted(services)
    await worked(services)
    await bury(services, Queue.GENERATION, reason="refused by the store", **{"class": "store"})
    await worked(services)
    assert [slot["reject_class"] for slot in await stored(services, Collection.SLOTS)] == ["store"]


async def test_an_accepted_slot_stays_accepted(services: EmbeddedServices) -> None:
    await submitted(services)
    await worked(services)
    slot = accepted("job-1", 0, dataset=DATASET)
    place = Place(TENANT, Collection.SLOTS, DATASET)
    await services.store.bulk([Write(place, slot.record_id, slot.model_dump(mode="json"), WriteMode.RANKED, slot.rank)])
    await bury(services, Queue.GENERATION, reason="too late")
    await worked(services)
    assert [slot["state"] for slot in await stored(services, Collection.SLOTS)] == ["accepted"]


async def test_a_dead_request_of_an_earlier_round_is_kept_and_parks_nothing(services: EmbeddedServices) -> None:
    await submitted(services)
    await worked(services)
    await bury(services, Queue.GENERATION, reason="poison")
    await republish(services, await job_of(services), by="reconcile")
    await worked(services)
    assert await stored(services, Collection.SLOTS) == []
    assert len(await reports(services)) == 1


async def test_a_dead_letter_of_a_finished_job_changes_nothing_in_it(services: EmbeddedServices) -> None:
    await submitted(services)
    await bury(services, Queue.JOBS, reason="late")
    await change_job(services.store, TENANT, "job-1", lambda _: {"state": JobState.CANCELLED})
    await worked(services)
    assert (await job_of(services)).state is JobState.CANCELLED


async def test_draining_twice_keeps_one_document(services: EmbeddedServices) -> None:
    await submitted(services)
    for _ in range(2):
        await services.broker.publish(Queue.JOBS, [Message("same", b"nothing")])
        await worked(services)
    await depth_is(services.broker, Queue.JOBS_DEAD, lambda depth: depth.ready + depth.unsettled == 0)
    assert len(await reports(services)) == 1
