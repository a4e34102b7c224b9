"""One planner a job: a lease in the job document, renewed while it works (design law 3)."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from synthmill.errors import SynthmillError
from synthmill.jobs.documents import Changes, change_job, find_job
from synthmill.ports.records import RecordStore
from synthmill_schemas.base import now
from synthmill_schemas.job import JobDocument, Lease


class LeaseTaken(SynthmillError):
    """Another planner has the job."""

    retriable = True


def new_owner() -> str:
    """A name for one holder; it tells the process to a person and is never used twice."""
    return f"{os.uname().nodename}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


@asynccontextmanager
async def planner_lease(store: RecordStore, job: JobDocument, owner: str, seconds: float) -> AsyncIterator[None]:
    """Holds the job's planner lease; raises `LeaseTaken` when another live planner has it."""
    await _take(store, job, owner, seconds)
    renewal = asyncio.create_task(_keep(store, job, owner, seconds))
    try:
        yield
    finally:
        renewal.cancel()
        with suppress(asyncio.CancelledError):
            await renewal
        await _give_back(store, job, owner)


async def _take(store: RecordStore, job: JobDocument, owner: str, seconds: float) -> None:
    def decide(current: JobDocument) -> Changes:
        held = current.planner
        if held is not None and held.owner != owner and held.expires_at > now():
            raise LeaseTaken(f"job {current.job_id} is being planned by {held.owner}")
        return {"planner": _lease(owner, seconds)}

    await change_job(store, job.tenant, job.job_id, decide)


async def _keep(store: RecordStore, job: JobDocument, owner: str, seconds: float) -> None:
    def decide(current: JobDocument) -> Changes | None:
        return {"planner": _lease(owner, seconds)} if _holds(current, owner) else None

    while True:
        await asyncio.sleep(seconds / 3)  # two renewals may fail before the lease runs out
        await change_job(store, job.tenant, job.job_id, decide)


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
