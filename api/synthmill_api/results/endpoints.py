"""`/v1/jobs/{job_id}/…`: records, rejects, events."""

from typing import Annotated

from fastapi import Query

from synthmill.ports.records import Collection
from synthmill.ports.records import Query as StoreQuery
from synthmill_api.auth.guard import guarded, guarded_router
from synthmill_api.auth.scopes import Scope
from synthmill_api.dependencies import CallerHere, ServicesHere
from synthmill_api.errors import Code
from synthmill_api.jobs import service as job_service
from synthmill_api.jobs.endpoints import JobIdHere
from synthmill_api.kit.pages import Listing, PagingHere
from synthmill_api.results import service
from synthmill_api.results.queries import RecordId, RejectId, RejectsHere, SearchHere
from synthmill_api.results.views import Event, RecordPage, RecordStory, Reject, RejectPage, RejectStory
from synthmill_schemas.event import Level

router = guarded_router("results")


@router.get(
    "/jobs/{job_id}/records",
    operation_id="search_records",
    **guarded(Scope.RECORDS_READ, Code.NOT_FOUND, Code.UNKNOWN_FIELD),
)
async def search_records(
    services: ServicesHere, caller: CallerHere, job_id: JobIdHere, wanted: SearchHere
) -> RecordPage:
    """Search a job's records, also while it runs: pages, counts by value, or a sample that a seed repeats."""
    job = await job_service.get(services, caller.tenant, job_id)
    return RecordPage.found(await service.search(services, job, wanted))


@router.get(
    "/jobs/{job_id}/records/{record_id}",
    operation_id="get_record",
    **guarded(Scope.RECORDS_READ, Code.NOT_FOUND),
)
async def get_record(services: ServicesHere, caller: CallerHere, job_id: JobIdHere, record_id: RecordId) -> RecordStory:
    """Read one record with its whole lineage: source row, attributes, prompts as rendered, attempts, calls, cost."""
    job = await job_service.get(services, caller.tenant, job_id)
    return RecordStory.told(await service.record(services, job, record_id))


@router.get("/jobs/{job_id}/rejects", operation_id="list_rejects", **guarded(Scope.RECORDS_READ, Code.NOT_FOUND))
async def list_rejects(
    services: ServicesHere, caller: CallerHere, job_id: JobIdHere, paging: PagingHere, where: RejectsHere
) -> RejectPage:
    """List failed attempts and rows left out, with the answer as it came, in the order in which they happened."""
    job = await job_service.get(services, caller.tenant, job_id)
    query = StoreQuery(where.conditions, sort=where.sort, limit=paging.limit, cursor=paging.cursor)
    page = await service.ledger(services, job, Collection.REJECTS, query)
    items = [Reject.of(hit.document) for hit in page.hits]
    classes = await service.reject_counts(services, job)
    return RejectPage.model_validate({"items": items, "total": page.total, "cursor": page.cursor, "classes": classes})


@router.get(
    "/jobs/{job_id}/rejects/{reject_id}", operation_id="get_reject", **guarded(Scope.RECORDS_READ, Code.NOT_FOUND)
)
async def get_reject(services: ServicesHere, caller: CallerHere, job_id: JobIdHere, reject_id: RejectId) -> RejectStory:
    """Read one reject with its raw answer, and everything else that was tried for its slot."""
    job = await job_service.get(services, caller.tenant, job_id)
    return RejectStory.told(*await service.reject(services, job, reject_id))


@router.get("/jobs/{job_id}/events", operation_id="list_events", **guarded(Scope.JOBS_READ, Code.NOT_FOUND))
async def list_events(
    services: ServicesHere,
    caller: CallerHere,
    job_id: JobIdHere,
    paging: PagingHere,
    q: Annotated[str | None, Query(max_length=1_024, description="words of the message")] = None,
    level: Annotated[list[Level] | None, Query(description="any of these")] = None,
) -> Listing[Event]:
    """List what happened to a job, in order, from every service."""
    job = await job_service.get(services, caller.tenant, job_id)
    where = {"level": [each.value for each in level]} if level else {}
    query = StoreQuery(where, q, limit=paging.limit, cursor=paging.cursor)
    page = await service.ledger(services, job, Collection.EVENTS, query)
    return Listing(items=[Event.of(hit.document) for hit in page.hits], total=page.total, cursor=page.cursor)
