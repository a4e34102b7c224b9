"""Whatever a crash leaves half done is taken up from documents alone; what is in use is left alone."""

import dataclasses
import os
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.jobs.documents import change_job, get_job, jobs_of
from synthmill.jobs.order import InputFile, JobOrder
from synthmill.jobs.reconcile import reconcile, sweep_in_turn, take_turn
from synthmill.jobs.submit import stage, submit
from synthmill.jobs.sweep import sweep
from synthmill.ports.broker import Queue, Settlement
from synthmill.settings import JobSettings, Settings
from synthmill_schemas.base import now
from synthmill_schemas.job import JobState, Lease
from tests.support.jobs import TENANT, accepted, store_slots

JOB = "job-1"
Order = Callable[..., JobOrder]


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[EmbeddedServices]:
    """Services for which everything is overdue at once."""
    job = JobSettings(resend_seconds=1e-6, temporary_file_hours=1e-9)
    async with open_embedded(Settings(home=tmp_path / "home", job=job)) as opened:
        yield opened


async def rows() -> AsyncIterator[bytes]:
    yield b"a\n1\n"


async def lose_the_message(services: EmbeddedServices) -> None:
    async with services.broker.consume(Queue.JOBS, prefetch=1) as consumption:
        await consumption.settle(await anext(aiter(consumption)), Settlement.ACK)


async def files(services: EmbeddedServices) -> list[str]:
    return [item.key async for item in services.objects.list("tmp/")]


async def test_a_job_whose_submitter_died_is_published(services: EmbeddedServices, order: Order) -> None:
    await stage(services, order())
    assert (await reconcile(services)).resent == 1
    assert (await get_job(services.store, TENANT, JOB)).document.state is JobState.PUBLISHED
    assert (await services.broker.depth(Queue.JOBS)).ready == 1


async def test_a_job_whose_message_is_lost_is_sent_again(services: EmbeddedServices, order: Order) -> None:
    await submit(services, order())
    await lose_the_message(services)
    assert (await reconcile(services)).resent == 1
    assert (await services.broker.depth(Queue.JOBS)).ready == 1


async def test_a_job_that_waits_behind_others_is_not_sent_at_every_pass(
    services: EmbeddedServices, order: Order
) -> None:
    await submit(services, order())
    published = await get_job(services.store, TENANT, JOB)
    an_hour_ago = (now() - timedelta(hours=1)).isoformat()
    await services.store.patch(jobs_of(TENANT), JOB, {"updated_at": an_hour_ago}, expected=published.version)
    settings = services.settings.model_copy(update={"job": JobSettings(resend_seconds=1_800)})
    patient = dataclasses.replace(services, settings=settings)
    assert [(await reconcile(patient)).resent for _ in range(3)] == [1, 0, 0]


async def test_a_job_that_somebody_plans_is_left_alone(services: EmbeddedServices, order: Order) -> None:
    await submit(services, order())
    lease = Lease(owner="worker", expires_at=now() + timedelta(minutes=1))
    await change_job(services.store, TENANT, JOB, lambda _: {"planner": lease})
    assert (await reconcile(services)).resent == 0


async def test_a_finished_round_that_nobody_watches_is_closed(services: EmbeddedServices, order: Order) -> None:
    await submit(services, order())
    await change_job(services.store, TENANT, JOB, lambda _: {"state": JobState.PLANNED, "records": 4})
    await store_slots(services, *(accepted(JOB, slot) for slot in range(4)))
    assert (await reconcile(services)).advanced == 1
    assert (await get_job(services.store, TENANT, JOB)).document.state is JobState.COMPLETED


async def test_an_old_upload_goes_and_a_fresh_one_beside_it_stays(services: EmbeddedServices, tmp_path: Path) -> None:
    for upload in ("old", "fresh"):
        await services.objects.put(f"tmp/sources/{upload}/data", rows())
    (old,) = (tmp_path / "home" / "objects").rglob("sources/old/data")
    os.utime(old, (0, 0))
    settings = services.settings.model_copy(update={"job": JobSettings(temporary_file_hours=1)})
    assert (await sweep(dataclasses.replace(services, settings=settings))).source_files == 1
    assert await files(services) == ["tmp/sources/fresh/data"]


async def test_one_reconciles_at_a_time(services: EmbeddedServices) -> None:
    assert await take_turn(services, TENANT, "one", 60)
    assert not await take_turn(services, TENANT, "two", 60)
    assert await take_turn(services, TENANT, "one", -1)
    assert await take_turn(services, TENANT, "two", 60)


async def test_every_tenants_jobs_are_looked_after(services: EmbeddedServices, order: Order) -> None:
    for tenant in ("acme", "zenith"):
        await stage(services, JobOrder(tenant, f"job-of-{tenant}", order().recipe, [InputFile("rows.csv", rows)]))
    repairs = await reconcile(services)
    assert repairs.resent == 2
    assert len(await files(services)) == 2


async def test_a_sweep_comes_rarely(services: EmbeddedServices) -> None:
    assert await sweep_in_turn(services) is not None
    assert await sweep_in_turn(services) is None
