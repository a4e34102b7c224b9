"""Deletes a source: its file and document, and on demand all seeds and rejected rows that any job made of it.

Records stay: they were made, paid and perhaps released, and tell in their lineage what they were made from. A job whose
seeds are gone keeps its records and cannot make more.
"""

from collections.abc import AsyncIterator

from synthmill.catalog.sources import SourceDocument, sources_of
from synthmill.errors import SynthmillError
from synthmill.jobs.cleanup import mark_deleted
from synthmill.jobs.documents import Changes, change_job, jobs_of
from synthmill.jobs.files import input_prefix
from synthmill.ports.records import Collection, Place, Where, Write, WriteMode
from synthmill.services import Services
from synthmill_schemas.job import RUNNING_STATES, JobDocument, JobState
from synthmill_schemas.slot import RejectClass

_WILL_READ = RUNNING_STATES | {JobState.CREATED, JobState.PAUSED, JobState.BLOCKED}
_AT_A_TIME = 500


class SourceInUse(SynthmillError):
    """A job that is not over needs the seeds."""


async def remove_source(services: Services, source: SourceDocument, *, derived: bool = False) -> None:
    """Jobs have copies of their own of what they read; with `derived` those go too.

    `SourceInUse`, with nothing deleted, while a job that may still read them is not over.
    """
    if derived:
        await _require_unused(services, source)
    await services.store.delete(sources_of(source.tenant), [source.source_id])
    if derived:
        try:
            await _require_unused(services, source)  # one may have been ordered just before the source was gone
        except SourceInUse:
            document = source.model_dump(mode="json")
            write = Write(sources_of(source.tenant), source.source_id, document, WriteMode.CREATE)
            await services.store.bulk([write])
            raise
    await services.objects.delete_prefix(source.object_key.removesuffix("data"))
    if derived:
        await _remove_derived(services, source)


async def _require_unused(services: Services, source: SourceDocument) -> None:
    states = sorted(state.value for state in _WILL_READ)
    async for job in _jobs_with(services, source, {"state": states}):
        raise SourceInUse(f"job {job.job_id} is {job.state} and needs what was made of source {source.source_id}")


async def _remove_derived(services: Services, source: SourceDocument) -> None:
    tenant, of_source = source.tenant, {"lineage.sha256": source.sha256}
    async for job in _jobs_with(services, source, {}):
        await services.objects.delete_prefix(input_prefix(tenant, job.job_id))
        await mark_deleted(services, tenant, job.job_id)
        await change_job(services.store, tenant, job.job_id, lambda found: _without_seeds(found, source.sha256))
    await _delete_all(services, Place(tenant, Collection.INPUTS), of_source)
    bad_rows: Where = {**of_source, "reject_class": RejectClass.INPUT.value}
    await _delete_all(services, Place(tenant, Collection.REJECTS), bad_rows)


async def _delete_all(services: Services, place: Place, where: Where) -> None:
    await services.store.visible(place)
    ids: list[str] = []
    async for stored in services.store.scan(place, where):
        ids.append(stored.id)
        if len(ids) == _AT_A_TIME:
            await services.store.delete(place, ids)
            ids = []
    if ids:
        await services.store.delete(place, ids)


async def _jobs_with(services: Services, source: SourceDocument, where: Where) -> AsyncIterator[JobDocument]:
    place = jobs_of(source.tenant)
    await services.store.visible(place)
    async for stored in services.store.scan(place, where):
        job = JobDocument.model_validate(stored.document)
        if any(each.sha256 == source.sha256 for each in job.sources):
            yield job


def _without_seeds(job: JobDocument, sha256: str) -> Changes:
    """A job that goes on all the same looks for the file, and says that it is gone."""
    gone = {"seed_set": None, "checkpoint": None}
    return {
        "sources": [source.model_copy(update=gone) if source.sha256 == sha256 else source for source in job.sources]
    }
