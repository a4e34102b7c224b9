"""Between two full counts a look takes one request, and misses nothing that matters."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.jobs.documents import change_job
from synthmill.jobs.order import JobOrder
from synthmill.jobs.status import job_status
from synthmill.jobs.submit import submit
from synthmill.settings import Settings
from synthmill_flows.looking import FULL_SECONDS, SparingLook
from synthmill_schemas.job import JobState
from tests.support.jobs import TENANT, accepted, exhausted, recipe, store_slots

JOB = "job-1"


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[EmbeddedServices]:
    async with open_embedded(Settings(home=tmp_path / "home")) as opened:
        await submit(opened, JobOrder(TENANT, JOB, recipe()))
        await opened.store.ensure_dataset(TENANT, "colours", recipe().record_schema)
        planned = {"state": JobState.PLANNED, "records": 4}
        await change_job(opened.store, TENANT, JOB, lambda _: planned)
        yield opened


async def test_new_records_are_seen_within_two_looks(services: EmbeddedServices) -> None:
    look = SparingLook(services.store, TENANT, JOB, Clock())
    assert ((await look()).accepted, (await look()).accepted) == (0, 0)
    await store_slots(services, accepted(JOB, 0), accepted(JOB, 1))
    seen = [await look(), await look()]
    assert (seen[-1].accepted, seen[-1].open_in_round, seen[-1].pending) == (2, 2, 2)


async def test_the_last_record_is_counted_in_full(services: EmbeddedServices) -> None:
    look = SparingLook(services.store, TENANT, JOB, Clock())
    await look()
    await store_slots(services, *(accepted(JOB, slot) for slot in range(3)), exhausted(JOB, 3))
    seen = [await look() for _ in range(2)]
    assert seen[-1].open_in_round == 1
    await store_slots(services, accepted(JOB, 3))
    seen = [await look() for _ in range(2)]
    assert seen[-1] == await job_status(services.store, TENANT, JOB)
    assert seen[-1].open_in_round == 0


async def test_a_job_that_stops_is_seen_within_two_looks(services: EmbeddedServices) -> None:
    look = SparingLook(services.store, TENANT, JOB, Clock())
    await look()
    await change_job(services.store, TENANT, JOB, lambda _: {"state": JobState.BLOCKED, "reason": "no key"})
    seen = [await look(), await look()]
    assert (seen[-1].state, seen[-1].reason) == (JobState.BLOCKED, "no key")


async def test_everything_is_counted_anew_after_a_while(services: EmbeddedServices) -> None:
    clock = Clock()
    look = SparingLook(services.store, TENANT, JOB, clock)
    await look()
    await store_slots(services, exhausted(JOB, 0))
    assert [(await look()).exhausted for _ in range(4)] == [0, 0, 0, 0]
    clock.seconds += FULL_SECONDS
    assert (await look()).exhausted == 1
