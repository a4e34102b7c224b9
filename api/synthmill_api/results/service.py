"""Reads what a job made; every read names the tenant and the job."""

from synthmill.ports.records import Collection, Document, Page, Place, Query
from synthmill.records import search as records
from synthmill.records.search import Found, Search
from synthmill.records.story import Story, find_reject, find_slot, story
from synthmill.services import Services
from synthmill_api.errors import Code, Refused
from synthmill_schemas.job import JobDocument
from synthmill_schemas.slot import SlotState


async def search(services: Services, job: JobDocument, wanted: Search) -> Found:
    """Records of the job that match."""
    return await records.search(services.store, records.of_job(job), wanted)


async def record(services: Services, job: JobDocument, record_id: str) -> Story:
    """One record with its whole lineage, or a 404."""
    slot = await find_slot(services.store, job, record_id)
    if slot is None or slot["state"] != SlotState.ACCEPTED:
        raise Refused(Code.NOT_FOUND, f"job {job.job_id} has no record {record_id}")
    return await story(services.store, job, slot)


async def reject(services: Services, job: JobDocument, reject_id: str) -> tuple[Document, Story | None]:
    """One reject, and what is known of its slot; a 404 when there is none."""
    found = await find_reject(services.store, job, reject_id)
    if found is None:
        raise Refused(Code.NOT_FOUND, f"job {job.job_id} has no reject {reject_id}")
    slot = await find_slot(services.store, job, found["record_id"]) if found["record_id"] else None
    return found, None if slot is None else await story(services.store, job, slot)


async def ledger(services: Services, job: JobDocument, collection: Collection, query: Query) -> Page:
    """A page of the job's rejects or events."""
    place = Place(job.tenant, collection)
    await services.store.visible(place)
    where = {**query.where, "job_id": job.job_id}
    return await services.store.search(place, Query(where, query.text, query.sort or "at", query.limit, query.cursor))


async def reject_counts(services: Services, job: JobDocument) -> dict[str, int]:
    """How many rejects of each class the job has."""
    return await services.store.facets(Place(job.tenant, Collection.REJECTS), "reject_class", {"job_id": job.job_id})
