"""Reads and changes job documents; every change is a compare-and-swap."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from synthmill import tracing
from synthmill.errors import JobMissing, VersionConflict
from synthmill.ports.records import Collection, Place, RecordStore, Stored
from synthmill.tracing import Trace
from synthmill_schemas.base import now
from synthmill_schemas.job import JobDocument

Changes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class VersionedJob:
    """A job document and the version it was read at."""

    document: JobDocument
    version: int


def trace_of(job: JobDocument) -> Trace:
    """The trace that the job's messages go on with."""
    return tracing.parse(job.traceparent) or tracing.of_job(job.tenant, job.job_id)


def jobs_of(tenant: str) -> Place:
    """Where a tenant's job documents are."""
    return Place(tenant, Collection.JOBS)


async def find_job(store: RecordStore, tenant: str, job_id: str) -> VersionedJob | None:
    """The job as it is now, if there is one."""
    stored = await store.get(jobs_of(tenant), job_id)
    return None if stored is None else _parse(stored)


async def get_job(store: RecordStore, tenant: str, job_id: str) -> VersionedJob:
    """The job as it is now, or `JobMissing`."""
    job = await find_job(store, tenant, job_id)
    if job is None:
        raise JobMissing(f"there is no job {job_id!r} here; `synthmill status` lists those there are")
    return job


async def swap_job(store: RecordStore, job: VersionedJob, changes: Changes) -> VersionedJob:
    """Applies `changes` to exactly this version, or raises `VersionConflict`."""
    document = _merged(job.document, changes)
    patch = {name: document.model_dump(mode="json")[name] for name in (*changes, "updated_at")}
    stored = await store.patch(jobs_of(document.tenant), document.job_id, patch, expected=job.version)
    return _parse(stored)


async def change_job(
    store: RecordStore, tenant: str, job_id: str, decide: Callable[[JobDocument], Changes | None]
) -> VersionedJob:
    """Reads, lets `decide` choose changes, swaps; reads again when somebody was faster. None: leave it as it is."""
    while True:
        job = await get_job(store, tenant, job_id)
        changes = decide(job.document)
        if changes is None:
            return job
        try:
            return await swap_job(store, job, changes)
        except VersionConflict:
            continue


def _merged(document: JobDocument, changes: Changes) -> JobDocument:
    return document.model_copy(update={**changes, "updated_at": now()})


def _parse(stored: Stored) -> VersionedJob:
    return VersionedJob(JobDocument.model_validate(stored.document), stored.version)
