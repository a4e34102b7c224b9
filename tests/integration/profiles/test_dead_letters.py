"""A dead letter can be replayed until its slots are filled, or dropped; whoever decides twice decides once."""

import asyncio
from collections.abc import Sequence

import pytest

from synthmill.dead_letters.letters import Which, all_of, get_letter
from synthmill.dead_letters.replay import Clerk, Outcome
from synthmill.jobs.advance import advance
from synthmill.jobs.cancel import cancel
from synthmill.jobs.check import check
from synthmill.jobs.documents import change_job, get_job
from synthmill.jobs.export.formats import Form
from synthmill.jobs.export.requests import get_export, request_export
from synthmill.jobs.order import JobOrder
from synthmill.jobs.rounds import resume
from synthmill.jobs.status import Status, job_status
from synthmill.jobs.submit import submit
from synthmill.ports.broker import Message, Queue, Settlement
from synthmill.services import Services
from synthmill_schemas.dead_letter import DeadLetterDocument, LetterState
from synthmill_schemas.file_export import ExportFormat, ExportState
from synthmill_schemas.generation import GenerationRequest
from synthmill_schemas.job import JobDocument, JobState
from synthmill_schemas.slot import RejectClass
from tests.support.jobs import accepted, exhausted, recipe
from tests.support.made import made_job, poems, put_slots
from tests.support.messages import take_one
from tests.support.uploads import worked

JOB = "job-1"
EVIDENCE = {"reason": "it ended its process three times"}


def clerk(services: Services) -> Clerk:
    return Clerk(services, services.settings.tenant, "cli", "ann")


async def letters(services: Services, **which: str) -> list[DeadLetterDocument]:
    return [letter async for letter in all_of(services.store, services.settings.tenant, Which(**which))]  # type: ignore[arg-type]


async def job_of(services: Services) -> JobDocument:
    return (await get_job(services.store, services.settings.tenant, JOB)).document


async def moved_on(services: Services) -> Status:
    """The status once the round's end, if it has ended, was acted on."""
    tenant = services.settings.tenant
    await advance(services, tenant, await job_status(services.store, tenant, JOB))
    return await job_status(services.store, tenant, JOB)


async def planned(services: Services) -> None:
    """A job of four slots whose requests are in the queue."""
    await submit(services, JobOrder(services.settings.tenant, JOB, recipe()))
    await worked(services)


async def consumed(services: Services, *, dead: Sequence[int] = (), failed: Sequence[int] = ()) -> list[int]:
    """Stands in for the consumer until the queue is empty; answers the slots that it was asked for.

    It accepts all but those slots whose requests end in the dead queue, or whose attempts fail.
    """
    tenant, seen = services.settings.tenant, []
    ready = (await services.broker.depth(Queue.GENERATION)).ready
    async with services.broker.consume(Queue.GENERATION, prefetch=10) as consumption:
        for _ in range(ready):
            delivery = await take_one(consumption)
            request = GenerationRequest.model_validate_json(delivery.message.body)
            slots = [slot.slot for slot in request.slots]
            seen += slots
            if set(slots) & set(dead):
                await consumption.settle(delivery, Settlement.DEAD_LETTER, evidence=EVIDENCE)
                continue
            for slot in slots:
                document = accepted(JOB, slot, tenant=tenant)
                if slot in failed:
                    document = exhausted(JOB, slot, round_=request.round).model_copy(update={"tenant": tenant})
                await put_slots(services, document)
            await consumption.settle(delivery, Settlement.ACK)
    return sorted(seen)


async def died(services: Services, *dead: int, failed: Sequence[int] = ()) -> list[DeadLetterDocument]:
    """The letters of a job of four, whose other slots are accepted."""
    await planned(services)
    assert await consumed(services, dead=dead, failed=failed) == [0, 1, 2, 3]
    await worked(services)
    found = await letters(services)
    assert len(found) == len(dead)
    return found


async def test_a_replayed_request_fills_its_slot_though_its_round_was_over(services: Services) -> None:
    (letter,) = await died(services, 2)
    status = await moved_on(services)
    assert (status.state, status.accepted, status.parked) == (JobState.COMPLETED_WITH_PARKED, 3, 1)

    (decided,) = await clerk(services).replay([letter])
    assert decided.outcome is Outcome.REOPENED
    await worked(services)
    assert (await moved_on(services)).open_in_round == 1
    assert await consumed(services) == [2]
    status = await moved_on(services)
    assert (status.state, status.accepted, status.round) == (JobState.COMPLETED, 4, 3)
    kept = await get_letter(services.store, letter.tenant, letter.report_id)
    assert (kept.state, kept.replays, kept.decided_by) == (LetterState.REPLAYED, 1, "ann")


async def test_a_replay_while_the_job_runs_costs_no_other_slot_its_place(services: Services) -> None:
    await planned(services)
    async with services.broker.consume(Queue.GENERATION, prefetch=1) as consumption:
        delivery = await take_one(consumption)
        await consumption.settle(delivery, Settlement.DEAD_LETTER, evidence=EVIDENCE)
    await worked(services)
    await clerk(services).replay(await letters(services))
    await worked(services)
    stale = [0, 1, 2, 3]
    assert sorted({*await consumed(services)}) == stale  # the consumer would settle those of the old round unread
    report = await check(services.store, services.settings.tenant, JOB)
    assert (report.accepted, report.faults) == (4, [])
    assert (await moved_on(services)).state is JobState.COMPLETED


async def test_letters_of_one_job_share_a_round_and_leave_what_failed_otherwise_alone(services: Services) -> None:
    found = await died(services, 0, 1, failed=[3])
    await change_job(services.store, services.settings.tenant, JOB, lambda _: {"state": JobState.FAILED})
    assert [each.outcome for each in await clerk(services).replay(found)] == [Outcome.REOPENED] * 2
    await worked(services)
    assert (await job_of(services)).round == 3
    assert await consumed(services) == [0, 1]
    status = await job_status(services.store, services.settings.tenant, JOB)
    assert (status.accepted, status.exhausted, status.open_in_round) == (3, 1, 0)


async def test_a_replay_asked_for_by_several_at_once_is_one(services: Services) -> None:
    found = await died(services, 2)
    await moved_on(services)
    many = await asyncio.gather(*(clerk(services).replay(found) for _ in range(5)))
    outcomes = [decided.outcome for (decided,) in many]
    assert outcomes.count(Outcome.ALREADY) == 4
    assert (await get_letter(services.store, found[0].tenant, found[0].report_id)).replays == 1
    await worked(services)
    assert {*await consumed(services)} == {2}
    assert (await moved_on(services)).state is JobState.COMPLETED
    (again,) = await clerk(services).replay(await letters(services))
    assert (again.outcome, again.reason is not None) == (Outcome.ALREADY, True)


async def test_a_letter_whose_slots_were_filled_meanwhile_needs_nothing(services: Services) -> None:
    found = await died(services, 2)
    await put_slots(services, accepted(JOB, 2, tenant=services.settings.tenant))
    (decided,) = await clerk(services).replay(found)
    assert decided.outcome is Outcome.NEEDLESS
    assert (await job_of(services)).round == 1


async def test_a_job_that_was_cancelled_stays_cancelled(services: Services) -> None:
    found = await died(services, 2)
    await cancel(services, services.settings.tenant, JOB, service="cli", reason="enough")
    (decided,) = await clerk(services).replay(found)
    assert decided.outcome is Outcome.REFUSED
    assert "synthmill resume" in (decided.reason or "")
    assert (await letters(services))[0].state is LetterState.PARKED


async def test_what_is_dropped_stays_parked_and_is_remembered(services: Services) -> None:
    (letter,) = await died(services, 2)
    assert [each.outcome for each in await clerk(services).drop([letter])] == [Outcome.DROPPED]
    (kept,) = await letters(services, state=LetterState.DROPPED)
    assert (kept.decided_by, kept.body) == ("ann", letter.body)
    assert (await moved_on(services)).state is JobState.COMPLETED_WITH_PARKED
    (again,) = await clerk(services).drop([kept])
    assert again.outcome is Outcome.ALREADY


async def test_a_job_message_that_died_plans_its_job_when_replayed(services: Services) -> None:
    await submit(services, JobOrder(services.settings.tenant, JOB, recipe()))
    async with services.broker.consume(Queue.JOBS, prefetch=1) as consumption:
        delivery = await take_one(consumption)
        await consumption.settle(delivery, Settlement.DEAD_LETTER, evidence=EVIDENCE)
    await worked(services)
    assert (await job_of(services)).state is JobState.FAILED
    (decided,) = await clerk(services).replay(await letters(services))
    assert decided.outcome is Outcome.RESUMED
    await worked(services)
    assert ((await job_of(services)).state, (await job_of(services)).round) == (JobState.PLANNED, 2)
    assert await consumed(services) == [0, 1, 2, 3]


async def test_an_export_that_died_is_written_when_replayed(services: Services) -> None:
    await made_job(services, poems(3))
    export = await request_export(services, services.settings.tenant, JOB, Form(ExportFormat.JSONL))
    async with services.broker.consume(Queue.EXPORTS, prefetch=1) as consumption:
        delivery = await take_one(consumption)
        await consumption.settle(delivery, Settlement.DEAD_LETTER, evidence=EVIDENCE)
    await worked(services)
    failed = (await get_export(services.store, export.tenant, export.export_id)).document
    assert (failed.state, "three times" in (failed.reason or "")) == (ExportState.FAILED, True)
    (decided,) = await clerk(services).replay(await letters(services))
    assert decided.outcome is Outcome.PUBLISHED
    await worked(services)
    done = (await get_export(services.store, export.tenant, export.export_id)).document
    assert (done.state, done.records) == (ExportState.DONE, 3)


@pytest.mark.parametrize(("message_id", "body"), [("m1", b"{"), ("", b"\xff\xfe"), ("a/b ü", b"[]")])
async def test_what_is_no_message_is_published_as_it_was_and_parked_again_when_it_dies_again(
    services: Services, message_id: str, body: bytes
) -> None:
    headers = {"origin": "somebody", "x-evidence-old": "gone"}
    await services.broker.publish(Queue.JOBS, [Message(message_id, body, headers)])
    await worked(services)
    (letter,) = await letters(services)
    assert (letter.state, letter.job_id, letter.headers) == (LetterState.PARKED, None, {"origin": "somebody"})
    for times in (1, 2):
        (decided,) = await clerk(services).replay(await letters(services))
        assert decided.outcome is Outcome.PUBLISHED
        async with services.broker.consume(Queue.JOBS, prefetch=1) as consumption:
            delivery = await take_one(consumption)
            assert (delivery.message.message_id, delivery.message.body) == (letter.message_id, body)
            assert delivery.message.headers["origin"] == "somebody"
            assert not [name for name in delivery.message.headers if name.startswith("x-evidence-")]
            await consumption.settle(delivery, Settlement.DEAD_LETTER, evidence={"reason": f"again {times}"})
        await worked(services)
        (letter,) = await letters(services)
        assert (letter.state, letter.replays, letter.reason) == (LetterState.PARKED, times, f"again {times}")


async def test_a_dead_message_that_is_drained_again_changes_no_decision(services: Services) -> None:
    message = Message("m1", b"{", {"x-original-queue": "jobs", "x-evidence-reason": "not a job message"})
    for decide in ("replay", "drop"):
        await services.broker.publish(Queue.JOBS_DEAD, [message])
        await worked(services)
        found = await letters(services)
        await getattr(clerk(services), decide)(found)
        before = await letters(services)
        if decide == "replay":
            async with services.broker.consume(Queue.JOBS, prefetch=1) as consumption:
                await consumption.settle(await take_one(consumption), Settlement.ACK)
        await services.broker.publish(Queue.JOBS_DEAD, [message])
        await worked(services)
        assert await letters(services) == before


async def test_letters_are_found_by_job_queue_class_and_state(services: Services) -> None:
    await planned(services)
    async with services.broker.consume(Queue.GENERATION, prefetch=1) as consumption:
        told = {**EVIDENCE, "class": "leak"}
        await consumption.settle(await take_one(consumption), Settlement.DEAD_LETTER, evidence=told)
    await services.broker.publish(Queue.JOBS, [Message("m1", b"{")])
    await worked(services)
    assert len(await letters(services)) == 2
    assert [each.queue for each in await letters(services, job_id=JOB)] == ["generation"]
    assert [each.message_id for each in await letters(services, queue="jobs")] == ["m1"]
    assert len(await letters(services, reject_class=RejectClass.LEAK)) == 1
    assert len(await letters(services, state=LetterState.DROPPED)) == 0


async def test_a_replayed_round_that_loses_its_requests_is_made_up_for(services: Services) -> None:
    found = await died(services, 2)
    await moved_on(services)
    await clerk(services).replay(found)
    await change_job(services.store, services.settings.tenant, JOB, lambda _: {"state": JobState.BLOCKED})
    tenant = services.settings.tenant
    await resume(services, await job_of(services), await job_status(services.store, tenant, JOB))
    await worked(services)
    assert await consumed(services) == [2]
    assert (await moved_on(services)).state is JobState.COMPLETED
