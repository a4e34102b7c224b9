"""Rates, expected ends and numbers by round come from facts, and nothing is told that nobody can know."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from synthmill.embedded import EmbeddedServices
from synthmill.jobs.documents import change_job, get_job
from synthmill.jobs.order import JobOrder
from synthmill.jobs.progress import Progress, job_progress, running_since
from synthmill.jobs.status import job_status
from synthmill.jobs.submit import submit
from synthmill.ports.records import Collection, Place, Write
from synthmill_schemas.base import now
from synthmill_schemas.job import JobState, StateChange
from synthmill_schemas.ledger import RejectDocument
from synthmill_schemas.slot import RejectClass
from tests.support.calls import call_write
from tests.support.jobs import TENANT, accepted, exhausted, parked, store_slots

JOB = "job-1"
Order = Callable[..., JobOrder]


async def planned(services: EmbeddedServices, order: JobOrder, *, ago: timedelta, round_: int = 1) -> None:
    """A job of 40 records that has run for so long."""
    await submit(services, order)
    changes = {"state": JobState.PLANNED, "records": 40, "created_at": now() - ago, "round": round_}
    await change_job(services.store, TENANT, JOB, lambda _: changes)


async def progress(services: EmbeddedServices) -> Progress:
    job = (await get_job(services.store, TENANT, JOB)).document
    return await job_progress(services.store, job, await job_status(services.store, TENANT, JOB))


def call(round_: int, number: int, cost: float | None) -> Write:
    facts = {"prompt_tokens": 3, "completion_tokens": 2, "cost_usd": cost}
    return call_write(TENANT, number, dataset="colours", job_id=JOB, round=round_, **facts)


def reject(round_: int, slot: int, class_: RejectClass) -> Write:
    document = RejectDocument(
        dataset="colours",
        job_id=JOB,
        reject_id=f"{JOB}-{slot}-{round_}-1",
        round=round_,
        attempt=1,
        reject_class=class_,
        reason="no good",
    )
    return Write(Place(TENANT, Collection.REJECTS), document.reject_id, document.model_dump(mode="json"))


async def test_the_rate_is_of_the_last_minutes_and_the_end_reckoned_from_it(
    services: EmbeddedServices, order: Order
) -> None:
    await planned(services, order(), ago=timedelta(hours=2))
    long_ago = now() - timedelta(hours=1)
    await store_slots(services, *(accepted(JOB, slot, written_at=long_ago) for slot in range(10)))
    await store_slots(services, *(accepted(JOB, slot) for slot in range(10, 20)), parked(JOB, 20))
    await store_slots(services, exhausted(JOB, 21, RejectClass.REFUSAL), exhausted(JOB, 22, RejectClass.SCHEMA))
    found = await progress(services)
    assert found.accepted_per_minute == pytest.approx(2.0)  # ten in five minutes
    assert found.eta_seconds == pytest.approx(18 / 2 * 60)  # of 40: 20 are there, one is parked, one cannot be mended
    assert found.given_up_by_class == {"provider": 1, "refusal": 1, "schema": 1}


async def test_a_young_job_is_measured_since_it_runs(services: EmbeddedServices, order: Order) -> None:
    await planned(services, order(), ago=timedelta(minutes=1))
    await store_slots(services, *(accepted(JOB, slot) for slot in range(12)))
    assert (await progress(services)).accepted_per_minute == pytest.approx(12, rel=0.2)


@pytest.mark.parametrize(
    ("state", "there", "rate"), [(JobState.PLANNED, 0, 0.0), (JobState.PLANNED, 4, 0.8), (JobState.PAUSED, 20, None)]
)
async def test_what_nobody_can_know_is_not_told(
    services: EmbeddedServices, order: Order, state: JobState, there: int, rate: float | None
) -> None:
    await planned(services, order(), ago=timedelta(hours=1))
    await store_slots(services, *(accepted(JOB, slot) for slot in range(there)))
    await change_job(services.store, TENANT, JOB, lambda _: {"state": state})
    found = await progress(services)
    assert found.eta_seconds is None
    assert found.accepted_per_minute == (None if rate is None else pytest.approx(rate))


async def test_each_round_has_its_numbers(services: EmbeddedServices, order: Order) -> None:
    await planned(services, order(), ago=timedelta(hours=1), round_=3)
    await store_slots(services, accepted(JOB, 0), accepted(JOB, 1, round=3))
    await services.store.bulk([call(1, 1, 0.5), call(1, 2, None), call(3, 3, 0.25)])
    await services.store.bulk([reject(1, 1, RejectClass.SCHEMA), reject(1, 7, RejectClass.INPUT)])
    first, third = (await progress(services)).rounds
    assert (first.round, first.accepted, first.rejected, first.llm_calls, first.cost_usd) == (1, 1, 1, 2, 0.5)
    assert (third.round, third.accepted, third.rejected, third.prompt_tokens, third.cost_usd) == (3, 1, 0, 3, 0.25)


async def test_a_job_of_one_round_tells_that_of_it(services: EmbeddedServices, order: Order) -> None:
    await planned(services, order(), ago=timedelta(hours=1))
    await store_slots(services, accepted(JOB, 0))
    await services.store.bulk([call(1, 1, 0.5), call(1, 2, None), reject(1, 1, RejectClass.SCHEMA)])
    (only,) = (await progress(services)).rounds
    assert (only.accepted, only.rejected, only.llm_calls, only.completion_tokens, only.cost_usd) == (1, 1, 2, 4, 0.5)


async def test_a_rest_does_not_count_as_slowness(services: EmbeddedServices, order: Order) -> None:
    await planned(services, order(), ago=timedelta(hours=1))
    job = (await get_job(services.store, TENANT, JOB)).document
    back = now() - timedelta(seconds=30)
    states = [JobState.CREATED, JobState.PLANNED, JobState.PAUSED, JobState.PUBLISHING]
    history = [
        StateChange(n=n, state=state, round=1, at=back if state is JobState.PUBLISHING else job.created_at)
        for n, state in enumerate(states, 1)
    ]
    assert running_since(job.model_copy(update={"history": history})) == back
    assert running_since(job.model_copy(update={"history": history[:2]})) == job.created_at
