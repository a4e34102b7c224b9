"""One planner a job: a lease in the job document, renewed while it works (design law 3)."""

import asyncio
import logging
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from synthmill.errors import Retriable, SynthmillError
from synthmill.jobs.documents import Changes, change_job, find_job
from synthmill.ports.records import RecordStore
from synthmill_schemas.base import now
from synthmill_schemas.job import JobDocument, Lease

logger = logging.getLogger(__name__)


class LeaseTaken(SynthmillError):
    """Another planner has the job."""

    retriable = True


class LeaseLost(SynthmillError):
    """The lease ran out or went to another planner while we worked; what was checkpointed stands."""

    retriable = True


def new_owner() -> str:
    """A name for one holder; it tells the process to a person and is never used twice."""
    return f"{os.uname().nodename}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


@asynccontextmanager
async def planner_lease(store: RecordStore, job: JobDocument, owner: str, seconds: float) -> AsyncIterator[None]:
    """Holds the job's planner lease; raises `LeaseTaken` when another live planner has it.

    When the lease is lost the work within is cancelled, and `LeaseLost` raised.
    """
    await _take(store, job, owner, seconds)
    renewal = asyncio.create_task(_keep(store, job, owner, seconds))
    try:
        async with _only_while(renewal):
            yield
    finally:
        await _give_back(store, job, owner)


@asynccontextmanager
async def _only_while(renewal: "asyncio.Task[LeaseLost]") -> AsyncIterator[None]:
    """Cancels the work within as soon as the renewal ends, and raises what it ended with instead."""
    work, over = asyncio.current_task(), False
    assert work is not None
    cancelled_before = work.cancelling()

    def stop(_: object) -> None:
        if not over:  # the work may end while this call is on its way
            work.cancel()

    renewal.add_done_callback(stop)
    try:
        yield
    except asyncio.CancelledError:
        if renewal.done() and work.uncancel() <= cancelled_before:
            raise renewal.result() from None
        raise
    finally:
        over = True
        renewal.cancel()
        await asyncio.gather(renewal, return_exceptions=True)


async def _take(store: RecordStore, job: JobDocument, owner: str, seconds: float) -> None:
    def decide(current: JobDocument) -> Changes:
        held = current.planner
        if held is not None and held.owner != owner and held.expires_at > now():
            raise LeaseTaken(f"job {current.job_id} is being planned by {held.owner}")
        return {"planner": _lease(owner, seconds)}

    await change_job(store, job.tenant, job.job_id, decide)


async def _keep(store: RecordStore, job: JobDocument, owner: str, seconds: float) -> LeaseLost:
    """Renews the lease; answers when it went to somebody else, or ran out because the store could not be reached."""

    def decide(current: JobDocument) -> Changes | None:
        return {"planner": _lease(owner, seconds)} if _holds(current, owner) else None

    loop = asyncio.get_running_loop()
    runs_out = loop.time() + seconds
    while True:
        await asyncio.sleep(seconds / 3)  # two renewals may fail before the lease runs out
        began = loop.time()
        try:
            async with asyncio.timeout_at(runs_out):
                current = (await change_job(store, job.tenant, job.job_id, decide)).document
        except (Retriable, TimeoutError) as error:
            if loop.time() + seconds / 3 < runs_out:
                logger.warning("the lease was not renewed: %s", error)
                continue
            return LeaseLost(f"the lease on job {job.job_id} ran out, the store could not be reached: {error}")
        if not _holds(current, owner):
            return LeaseLost(f"the lease on job {job.job_id} is somebody else's now")
        runs_out = began + seconds


async def _give_back(store: RecordStore, job: JobDocument, owner: str) -> None:
    if await find_job(store, job.tenant, job.job_id) is None:
        return
    await change_job(
        store, job.tenant, job.job_id, lambda current: {"planner": None} if _holds(current, owner) else None
    )


def _holds(job: JobDocument, owner: str) -> bool:
    return job.planner is not None and job.planner.owner == owner


def _lease(owner: str, seconds: float) -> Lease:
    return Lease(owner=owner, expires_at=now() + timedelta(seconds=seconds))
