"""One planner at a time: whoever loses the lease stops at once, and whoever works keeps it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from synthmill.embedded import EmbeddedServices
from synthmill.errors import StoreUnavailable
from synthmill.jobs.documents import change_job, get_job
from synthmill.jobs.lease import LeaseLost, planner_lease
from synthmill.jobs.order import JobOrder
from synthmill.jobs.submit import submit
from synthmill.ports.records import Place, RecordStore, Stored
from synthmill_schemas.base import now
from synthmill_schemas.job import JobDocument, Lease
from tests.support.jobs import TENANT

JOB = "job-1"
SHORT = 0.3  # seconds of a lease that the test waits for
Order = Callable[..., JobOrder]


async def submitted(services: EmbeddedServices, order: Order) -> JobDocument:
    await submit(services, order())
    return (await get_job(services.store, TENANT, JOB)).document


async def test_a_planner_whose_lease_went_to_another_stops_at_once(services: EmbeddedServices, order: Order) -> None:
    job = await submitted(services, order)
    theirs = Lease(owner="other", expires_at=now())

    async def work() -> None:
        async with planner_lease(services.store, job, "slow", SHORT):
            await change_job(services.store, TENANT, JOB, lambda _: {"planner": theirs})
            await asyncio.Event().wait()

    with pytest.raises(LeaseLost, match="somebody else's"):
        await work()
    assert (await get_job(services.store, TENANT, JOB)).document.planner == theirs
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


@dataclass
class OutOfReach:
    """A store that answers nothing while it is away."""

    store: RecordStore
    away: bool = False

    async def get(self, place: Place, id_: str) -> Stored | None:
        if self.away:
            raise StoreUnavailable("away")
        return await self.store.get(place, id_)

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)


async def test_a_planner_that_cannot_renew_stops_when_its_lease_runs_out(
    services: EmbeddedServices, order: Order
) -> None:
    job = await submitted(services, order)
    store = OutOfReach(services.store)

    async def work() -> None:
        async with planner_lease(store, job, "cut off", SHORT):  # type: ignore[arg-type]  # the rest is the store's
            store.away = True
            try:
                await asyncio.Event().wait()
            finally:
                store.away = False  # so that it can be given back

    with pytest.raises(LeaseLost, match="ran out"):
        await work()
    assert (await get_job(services.store, TENANT, JOB)).document.planner is None


async def test_a_planner_that_works_longer_than_its_lease_keeps_it(services: EmbeddedServices, order: Order) -> None:
    job = await submitted(services, order)
    async with planner_lease(services.store, job, "busy", SHORT):
        first = (await get_job(services.store, TENANT, JOB)).document.planner
        assert first is not None
        async with asyncio.timeout(10):
            while now() < first.expires_at:  # noqa: ASYNC110  the clock tells no event
                await asyncio.sleep(SHORT / 3)
        held = (await get_job(services.store, TENANT, JOB)).document.planner
        assert held is not None
        assert (held.owner, held.expires_at > first.expires_at) == ("busy", True)


async def test_being_stopped_from_outside_is_no_lost_lease(services: EmbeddedServices, order: Order) -> None:
    job = await submitted(services, order)
    begun = asyncio.Event()

    async def work() -> None:
        async with planner_lease(services.store, job, "stopped", 30):
            begun.set()
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await begun.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert (await get_job(services.store, TENANT, JOB)).document.planner is None
