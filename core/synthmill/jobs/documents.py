"""Reads and changes job documents; every change is a compare-and-swap."""

from collections.abc import Callable

from synthmill import tracing
from synthmill.errors import JobMissing
from synthmill.jobs.history import recorded
from synthmill.ports.records import Collection, Place, RecordStore
from synthmill.tracing import Trace
from synthmill.versioned import Changes as Changes  # part of what changing a job takes
from synthmill.versioned import Versioned, change, parsed, swap, touched
from synthmill_schemas.base import now
from synthmill_schemas.job import JobDocument

VersionedJob = Versioned[JobDocument]


def trace_of(job: JobDocument) -> Trace:
    """The trace that the job's messages go on with."""
    return tracing.parse(job.traceparent) or tracing.of_job(job.tenant, job.job_id)


def turn_of(job: JobDocument) -> str:
    """Tells apart what happens once a round, or once more when a job was extended in it."""
    extended = f".{len(job.earlier_records)}" if job.earlier_records else ""
    return f"{job.round}{extended}"


def jobs_of(tenant: str) -> Place:
    """Where a tenant's job documents are."""
    return Place(tenant, Collection.JOBS)


async def find_job(store: RecordStore, tenant: str, job_id: str) -> VersionedJob | None:
    """The job as it is now, if there is one."""
    stored = await store.get(jobs_of(tenant), job_id)
    return None if stored is None else parsed(JobDocument, stored)


async def get_job(store: RecordStore, tenant: str, job_id: str) -> VersionedJob:
    """The job as it is now, or `JobMissing`."""
    job = await find_job(store, tenant, job_id)
    if job is None:
        raise JobMissing(f"there is no job {job_id!r} here; `synthmill status` lists those there are")
    return job


async def swap_job(store: RecordStore, job: VersionedJob, changes: Changes) -> VersionedJob:
    """Applies `changes` to exactly this version, or raises `VersionConflict`."""
    place = jobs_of(job.document.tenant)
    changes = recorded(job.document, {**changes, "updated_at": now()})
    return await swap(store, place, job.document.job_id, job, changes)


async def change_job(
    store: RecordStore, tenant: str, job_id: str, decide: Callable[[JobDocument], Changes | None]
) -> VersionedJob:
    """The job as it is after `decide` chose changes, perhaps several times; None: it is left as it is."""
    return await change(
        store,
        jobs_of(tenant),
        job_id,
        lambda: get_job(store, tenant, job_id),
        lambda job: _noted(job, touched(decide(job))),
    )


def _noted(job: JobDocument, changes: Changes | None) -> Changes | None:
    return None if changes is None else recorded(job, changes)
