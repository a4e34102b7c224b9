"""More slots for a job: those it has keep their values and their outcomes, only the new ones are planned."""

import asyncio
from typing import Any

import pytest

from synthmill.embedded import EmbeddedServices
from synthmill.errors import InputUnusable, UserError
from synthmill.jobs.advance import advance
from synthmill.jobs.at_once import submit_at_once
from synthmill.jobs.documents import change_job, get_job
from synthmill.jobs.extend import extend
from synthmill.jobs.lease import new_owner, planner_lease
from synthmill.jobs.order import JobOrder
from synthmill.jobs.plan import plan_round
from synthmill.jobs.release import release
from synthmill.jobs.release.versions import shown_in
from synthmill.jobs.rounds import resume
from synthmill.jobs.status import Status, job_status
from synthmill.jobs.submit import submit
from synthmill.planning.tuples import TupleMaker
from synthmill.ports.broker import Message, Queue
from synthmill.ports.records import Collection, Place
from synthmill_schemas.generation import GenerationRequest
from synthmill_schemas.job import JobDocument, JobState
from synthmill_schemas.slot import RejectClass
from tests.support.jobs import TENANT, accepted, exhausted, recipe, store_slots
from tests.support.uploads import submitted, taken, worked

JOB = "job-1"
QUOTA = [
    {
        "name": "colour",
        "kind": "sampler",
        "sampler": {"type": "category", "values": ["red", "blue"], "weights": [3, 1], "quota": "exact"},
    },
    {"name": "poem", "kind": "llm", "prompt": "A poem about {{ colour }}."},
]


async def job_now(services: EmbeddedServices) -> JobDocument:
    return (await get_job(services.store, TENANT, JOB)).document


async def status_of(services: EmbeddedServices) -> Status:
    return await job_status(services.store, TENANT, JOB)


async def planned_slots(services: EmbeddedServices) -> dict[int, tuple[int, dict[str, Any]]]:
    """Round and attributes by slot, of what was published since the last look."""
    await worked(services)
    requests = [GenerationRequest.model_validate_json(body) for body in await taken(services)]
    return {slot.slot: (request.round, slot.attributes) for request in requests for slot in request.slots}


async def ordered(services: EmbeddedServices, **changes: object) -> dict[int, tuple[int, dict[str, Any]]]:
    await submit_at_once(services, JobOrder(TENANT, JOB, recipe(**changes)), by="api")
    return await planned_slots(services)


async def finished(services: EmbeddedServices) -> JobDocument:
    await advance(services, TENANT, await status_of(services))
    return await job_now(services)


async def test_a_running_job_goes_on_in_its_round_with_the_new_slots_alone(services: EmbeddedServices) -> None:
    assert list(await ordered(services)) == [0, 1, 2, 3]
    await store_slots(services, accepted(JOB, 0))
    job = await extend(services, TENANT, JOB, 6, by="api")
    assert (job.records, job.round, job.earlier_records) == (6, 1, [4])
    new = await planned_slots(services)
    assert {slot: round_ for slot, (round_, _) in new.items()} == {4: 1, 5: 1}
    status = await status_of(services)
    assert (status.requested, status.accepted, status.open_in_round, status.state) == (6, 1, 5, JobState.PLANNED)


async def test_a_completed_job_completes_again_with_more(services: EmbeddedServices) -> None:
    await ordered(services, target={"records": 4, "max_rounds": 1})
    await store_slots(services, *(accepted(JOB, slot) for slot in range(4)))
    assert (await finished(services)).state is JobState.COMPLETED
    job = await extend(services, TENANT, JOB, 5, by="api")
    assert (job.state, job.reason, job.flow_run_id) == (JobState.PUBLISHED, None, None)
    new = await planned_slots(services)
    assert list(new) == [4]
    await store_slots(services, accepted(JOB, 4, round=job.round))
    assert (await finished(services)).state is JobState.COMPLETED
    assert (await status_of(services)).accepted == 5


async def test_what_was_released_stays_and_the_new_records_are_the_next_version(services: EmbeddedServices) -> None:
    await ordered(services)
    await store_slots(services, *(accepted(JOB, slot) for slot in range(4)))
    await finished(services)
    assert (await release(services, TENANT, JOB)).version == 1
    job = await extend(services, TENANT, JOB, 6, by="api")
    with pytest.raises(UserError, match="only what has completed"):
        await release(services, TENANT, JOB)
    await planned_slots(services)
    await store_slots(services, *(accepted(JOB, slot, round=job.round) for slot in (4, 5)))
    await finished(services)
    second = await release(services, TENANT, JOB)
    assert (second.version, second.records, second.added, second.ended) == (2, 6, 2, 0)
    records = Place(TENANT, Collection.RECORDS, job.dataset)
    await services.store.visible(records)
    assert [await services.store.count(records, shown_in(version)) for version in (1, 2)] == [4, 6]


async def test_what_was_given_up_is_left_alone_and_counts_as_before(services: EmbeddedServices) -> None:
    await ordered(services)
    await store_slots(services, *(accepted(JOB, slot) for slot in range(3)), exhausted(JOB, 3, RejectClass.REFUSAL))
    assert (await finished(services)).state is JobState.FAILED
    job = await extend(services, TENANT, JOB, 6, by="api")
    assert list(await planned_slots(services)) == [4, 5]
    status = await status_of(services)
    assert (status.accepted, status.exhausted, status.pending, status.open_in_round) == (3, 1, 2, 2)
    await store_slots(services, *(accepted(JOB, slot, round=job.round) for slot in (4, 5)))
    assert (await finished(services)).state is JobState.FAILED


async def test_a_paused_job_rests_on_and_plans_the_new_slots_when_it_is_resumed(services: EmbeddedServices) -> None:
    await ordered(services)
    await store_slots(services, *(accepted(JOB, slot) for slot in range(3)))
    await change_job(services.store, TENANT, JOB, lambda _: {"state": JobState.PAUSED})
    assert (await extend(services, TENANT, JOB, 6, by="api")).state is JobState.PAUSED
    assert await planned_slots(services) == {}
    await resume(services, await job_now(services), await status_of(services))
    assert list(await planned_slots(services)) == [3, 4, 5]


async def test_a_planner_at_work_goes_on_with_what_came_meanwhile(services: EmbeddedServices) -> None:
    await submit(services, JobOrder(TENANT, JOB, recipe()))
    publish, broker = type(services.broker).publish, services.broker

    async def extending(queue: Queue, messages: list[Message]) -> None:
        if (await job_now(services)).records == 4:
            await extend(services, TENANT, JOB, 7, by="api")
        await publish(broker, queue, messages)

    job = await job_now(services)
    async with planner_lease(services.store, job, new_owner(), 10):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(broker), "publish", lambda _, queue, messages: extending(queue, messages))
            await plan_round(services, job)
    assert (await job_now(services)).state is JobState.PLANNED
    assert list(await planned_slots(services)) == list(range(7))


async def test_slots_keep_their_values_and_new_ones_have_their_own_shares(services: EmbeddedServices) -> None:
    before = await ordered(services, columns=QUOTA)
    await extend(services, TENANT, JOB, 12, by="api")
    new = await planned_slots(services)
    colours = [attributes["colour"] for _, attributes in new.values()]
    assert (len(colours), colours.count("red")) == (8, 6)
    maker = TupleMaker(recipe(columns=QUOTA), 12, [4])
    assert {slot: maker.attributes(slot) for slot in range(12)} == {
        slot: attributes for slot, (_, attributes) in {**before, **new}.items()
    }


async def test_extending_again_and_at_once_is_each_extension_once(services: EmbeddedServices) -> None:
    await ordered(services)
    await asyncio.gather(*(extend(services, TENANT, JOB, 9, by="api") for _ in range(10)))
    assert (await job_now(services)).earlier_records == [4]
    await extend(services, TENANT, JOB, 10, by="api")
    assert (await job_now(services)).earlier_records == [4, 9]
    assert sorted(await planned_slots(services)) == [4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("state", "records", "words"),
    [(JobState.PLANNED, 3, "gives none up"), (JobState.CANCELLED, 5, "cancelled"), (JobState.PLANNED, 2, "gives none")],
)
async def test_it_neither_shrinks_nor_wakes_what_was_cancelled(
    services: EmbeddedServices, state: JobState, records: int, words: str
) -> None:
    await ordered(services)
    before = (await change_job(services.store, TENANT, JOB, lambda _: {"state": state})).document
    with pytest.raises(UserError, match=words):
        await extend(services, TENANT, JOB, records, by="api")
    assert await job_now(services) == before


async def test_before_n_is_known_there_is_nothing_to_extend(services: EmbeddedServices) -> None:
    await submitted(services)
    with pytest.raises(UserError, match="has not read its input"):
        await extend(services, TENANT, JOB, 5, by="api")


async def test_seeds_and_caps_that_do_not_reach_are_told_before_anything_changes(services: EmbeddedServices) -> None:
    await submitted(services, seeds={"reuse": "once"})
    await worked(services)
    with pytest.raises(InputUnusable, match="4 records need more than the 3 seeds"):
        await extend(services, TENANT, JOB, 4, by="api")
    await submitted(services, job_id="capped", target={"records": 3, "max_candidates": 12})
    await worked(services)
    with pytest.raises(UserError, match="max_candidates"):
        await extend(services, TENANT, "capped", 4, by="api")
    assert (await get_job(services.store, TENANT, "capped")).document.records == 3
