"""A job ends soon after its last record, though nobody watches it and no reconcile comes by."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.errors import StoreUnavailable
from synthmill.jobs.documents import change_job
from synthmill.settings import JobSettings, Settings
from synthmill_schemas.job import JobState
from synthmill_schemas.slot import RejectClass
from synthmill_worker import followed
from synthmill_worker.followed import Followed
from synthmill_worker.runner import Worker
from tests.support.jobs import accepted, exhausted, store_slots
from tests.support.messages import PATIENCE
from tests.support.uploads import TENANT, job_of, submitted

DATASET = "colours"
"""Where the stand-in for the consumer writes."""

ROWS = ("products.csv", b"sku,title\nS-1,lamp\nS-2,desk\n")


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[EmbeddedServices]:
    settings = Settings(home=tmp_path / "home", job=JobSettings(reconcile_seconds=3_600))
    async with open_embedded(settings) as opened:
        yield opened


@asynccontextmanager
async def running(services: EmbeddedServices) -> AsyncIterator[None]:
    worker = Worker(services)
    serving = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        async with asyncio.timeout(PATIENCE):
            await serving


async def until(services: EmbeddedServices, state: JobState, round_: int = 1) -> None:
    async with asyncio.timeout(PATIENCE):
        while ((job := await job_of(services)).state, job.round) != (state, round_):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_the_worker_that_planned_a_round_completes_the_job(services: EmbeddedServices) -> None:
    await submitted(services, ROWS, name=DATASET)
    async with running(services):
        await until(services, JobState.PLANNED)
        await store_slots(services, accepted("job-1", 0), accepted("job-1", 1))
        await until(services, JobState.COMPLETED)


async def test_a_round_that_left_slots_open_is_followed_by_another(services: EmbeddedServices) -> None:
    await submitted(services, ROWS, name=DATASET)
    async with running(services):
        await until(services, JobState.PLANNED)
        failed = exhausted("job-1", 1, RejectClass.SCHEMA)
        await store_slots(services, accepted("job-1", 0), failed)
        await until(services, JobState.PLANNED, round_=2)
        await store_slots(services, accepted("job-1", 1))
        await until(services, JobState.COMPLETED, round_=2)


async def test_a_round_that_a_dead_worker_planned_is_followed_by_who_gets_its_message(
    services: EmbeddedServices,
) -> None:
    await submitted(services, ROWS, name=DATASET)
    await store_slots(services, accepted("job-1", 0), accepted("job-1", 1))
    await change_job(services.store, TENANT, "job-1", lambda _: {"state": JobState.PLANNED, "records": 2})
    async with running(services):  # the message is still there
        await until(services, JobState.COMPLETED)


async def test_an_outage_of_the_store_is_waited_out(
    services: EmbeddedServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []

    async def look(*_: object) -> None:
        looks.append(1)
        if len(looks) < 3:
            raise StoreUnavailable("away")

    monkeypatch.setattr(followed, "track_round", look)
    monkeypatch.setattr(followed, "_OUTAGE_SECONDS", 0.001)
    rounds = Followed(services)
    rounds.add(TENANT, "job-1", 1)
    rounds.add(TENANT, "job-1", 1)
    async with asyncio.timeout(PATIENCE):
        while len(looks) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    await rounds.close()
    assert len(looks) == 3
