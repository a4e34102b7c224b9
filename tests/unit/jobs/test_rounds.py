"""What a job comes to is decided from facts: another round, done, or failed with the reason."""

from collections.abc import Callable

import pytest

from synthmill.embedded import EmbeddedServices
from synthmill.errors import UserError
from synthmill.jobs.advance import advance
from synthmill.jobs.documents import change_job, get_job
from synthmill.jobs.order import JobOrder
from synthmill.jobs.rounds import attempts_allowed, resume
from synthmill.jobs.status import Status, job_status
from synthmill.jobs.submit import submit
from synthmill.ports.broker import Queue
from synthmill_schemas.job import JobDocument, JobState
from synthmill_schemas.recipe import Target
from synthmill_schemas.slot import RejectClass
from tests.support.jobs import TENANT, accepted, exhausted, parked, store_slots

JOB = "job-1"
Order = Callable[..., JobOrder]


async def planned(services: EmbeddedServices, order: JobOrder) -> None:
    await submit(services, order)
    await change_job(services.store, TENANT, JOB, lambda _: {"state": JobState.PLANNED, "records": 4})


async def status_of(services: EmbeddedServices) -> Status:
    return await job_status(services.store, TENANT, JOB)


async def advanced(services: EmbeddedServices) -> JobDocument:
    await advance(services, TENANT, await status_of(services))
    return (await get_job(services.store, TENANT, JOB)).document


async def test_the_identity_holds_with_every_kind_of_slot(services: EmbeddedServices, order: Order) -> None:
    await planned(services, order())
    await store_slots(services, accepted(JOB, 0), exhausted(JOB, 1), parked(JOB, 2))
    status = await status_of(services)
    assert (status.requested, status.accepted, status.exhausted, status.parked, status.pending) == (4, 1, 1, 1, 1)
    assert status.open_in_round == 1


async def test_a_round_with_open_slots_is_left_alone(services: EmbeddedServices, order: Order) -> None:
    await planned(services, order())
    await store_slots(services, *(accepted(JOB, slot) for slot in range(3)))
    assert (await advanced(services)).state is JobState.PLANNED


async def test_all_accepted_is_completed(services: EmbeddedServices, order: Order) -> None:
    await planned(services, order())
    await store_slots(services, *(accepted(JOB, slot) for slot in range(4)))
    job = await advanced(services)
    assert (job.state, job.reason) == (JobState.COMPLETED, None)


async def test_what_another_try_can_mend_gets_another_round(services: EmbeddedServices, order: Order) -> None:
    await planned(services, order())
    await store_slots(services, *(accepted(JOB, slot) for slot in range(3)), exhausted(JOB, 3))
    job = await advanced(services)
    assert (job.state, job.round, job.round_scope) == (JobState.PUBLISHED, 2, "mendable")
    assert (await services.broker.depth(Queue.JOBS)).ready == 2
    status = await status_of(services)
    assert (status.open_in_round, status.exhausted, status.pending) == (1, 1, 0)


async def test_a_slot_accepted_in_a_later_round_is_no_longer_exhausted(
    services: EmbeddedServices, order: Order
) -> None:
    await planned(services, order())
    await store_slots(services, exhausted(JOB, 0), accepted(JOB, 0), exhausted(JOB, 0, round_=2))
    status = await status_of(services)
    assert (status.accepted, status.exhausted) == (1, 0)


@pytest.mark.parametrize("class_", [RejectClass.REFUSAL, RejectClass.STORE])
async def test_what_no_try_can_mend_fails_the_job_with_the_reason(
    services: EmbeddedServices, order: Order, class_: RejectClass
) -> None:
    await planned(services, order())
    await store_slots(services, *(accepted(JOB, slot) for slot in range(3)), exhausted(JOB, 3, class_))
    job = await advanced(services)
    assert job.state is JobState.FAILED
    assert "1 slots could not be filled" in str(job.reason)


async def test_max_rounds_ends_it_and_says_so(services: EmbeddedServices, order: Order) -> None:
    await planned(services, order(target={"records": 4, "max_rounds": 1}))
    await store_slots(services, *(accepted(JOB, slot) for slot in range(3)), exhausted(JOB, 3))
    job = await advanced(services)
    assert job.state is JobState.FAILED
    assert "max_rounds 1" in str(job.reason)


async def test_parked_slots_alone_make_completed_with_parked(services: EmbeddedServices, order: Order) -> None:
    await planned(services, order())
    await store_slots(services, *(accepted(JOB, slot) for slot in range(3)), parked(JOB, 3))
    assert (await advanced(services)).state is JobState.COMPLETED_WITH_PARKED


def test_max_candidates_lowers_the_tries_until_none_is_left() -> None:
    target = Target(records=10, max_attempts=4, max_candidates=30)
    assert attempts_allowed(target, candidates=0, open_slots=10) == 3
    assert attempts_allowed(target, candidates=20, open_slots=10) == 1
    assert attempts_allowed(target, candidates=25, open_slots=10) == 0
    assert attempts_allowed(Target(records=10), candidates=10**6, open_slots=10) == 4


async def test_resume_raises_the_round_of_a_stopped_job_over_all_open_slots(
    services: EmbeddedServices, order: Order
) -> None:
    await planned(services, order())
    await store_slots(services, accepted(JOB, 0), exhausted(JOB, 1, RejectClass.REFUSAL))
    stopped = await change_job(services.store, TENANT, JOB, lambda _: {"state": JobState.BLOCKED})
    job = await resume(services, stopped.document, await status_of(services))
    assert (job.state, job.round, job.round_scope) == (JobState.PUBLISHED, 2, "all")
    assert (await status_of(services)).open_in_round == 3


async def test_resume_leaves_a_running_job_as_it_is(services: EmbeddedServices, order: Order) -> None:
    await planned(services, order())
    before = (await get_job(services.store, TENANT, JOB)).document
    assert await resume(services, before, await status_of(services)) == before


async def test_resume_without_files_or_seeds_says_to_start_anew(services: EmbeddedServices, order: Order) -> None:
    await planned(services, order())
    source = {"key": "a.csv", "object_key": "tmp/job-1/input/0", "sha256": "0" * 64, "size": 1}
    changes = {"state": JobState.FAILED, "temporary_files": "deleted"}
    await change_job(services.store, TENANT, JOB, lambda _: changes)
    job = (await get_job(services.store, TENANT, JOB)).document
    with_source = job.model_validate({**job.model_dump(), "sources": [source]})
    with pytest.raises(UserError, match="start a new job"):
        await resume(services, with_source, await status_of(services))
