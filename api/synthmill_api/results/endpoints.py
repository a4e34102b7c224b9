"""`/v1/jobs/{job_id}/…`: records, rejects, events, export."""

from typing import Annotated, Any

from fastapi import Path, Query
from fastapi.responses import StreamingResponse

from synthmill.jobs.export.formats import Form
from synthmill.jobs.export.stream import file_stream
from synthmill.ports.records import Collection
from synthmill.ports.records import Query as StoreQuery
from synthmill_api.auth.guard import guarded, guarded_router
from synthmill_api.auth.scopes import Scope
from synthmill_api.dependencies import CallerHere, ServicesHere
from synthmill_api.errors import Code
from synthmill_api.jobs import service as job_service
from synthmill_api.jobs.endpoints import JobIdHere
from synthmill_api.kit.pages import Listing, PagingHere
from synthmill_api.kit.streams import begun
from synthmill_api.results import service
from synthmill_api.results.fields import FILTER
from synthmill_api.results.service import Search, Story
from synthmill_api.results.views import Call, Event, RecordItem, RecordPage, RecordStory, Reject, SeedRow
from synthmill_schemas.event import Level
from synthmill_schemas.file_export import Compression, ExportFormat
from synthmill_schemas.slot import RejectClass

router = guarded_router("results")

RecordId = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,90}$", description="job id and slot")]
_Filter = Annotated[str, Query(pattern=FILTER, max_length=1_024)]
_FieldName = Annotated[str, Query(max_length=256)]
_FILTERS = "field=value (given again for one field: any of them), field>=value, field<=value; all fields must match"
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Every record in the order of its slot, the last column `_record_id`",
        "content": {
            "application/x-ndjson": {"schema": {"type": "string"}},
            "text/csv": {"schema": {"type": "string"}},
            "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
            "application/gzip": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@router.get(
    "/jobs/{job_id}/records",
    operation_id="search_records",
    **guarded(Scope.RECORDS_READ, Code.NOT_FOUND, Code.UNKNOWN_FIELD),
)
async def search_records(
    services: ServicesHere,
    caller: CallerHere,
    job_id: JobIdHere,
    paging: PagingHere,
    q: Annotated[str | None, Query(max_length=1_024, description="words, all of which the record holds")] = None,
    filters: Annotated[list[_Filter] | None, Query(alias="filter", max_length=50, description=_FILTERS)] = None,
    facets: Annotated[list[_FieldName] | None, Query(alias="facet", max_length=10, description="fields")] = None,
    sort: Annotated[str | None, Query(max_length=256, description="a field, - before it: downwards")] = None,
) -> RecordPage:
    """Search a job's records, also while it runs."""
    job = await job_service.get(services, caller.tenant, job_id)
    wanted = Search(q, filters or (), facets or (), sort, paging.limit, paging.cursor)
    found = await service.search(services, job, wanted)
    items = [RecordItem.of(hit.document) for hit in found.page.hits]
    counts = {name: dict(values) for name, values in found.facets.items()}
    return RecordPage(items=items, total=found.page.total, cursor=found.page.cursor, facets=counts)


@router.get(
    "/jobs/{job_id}/records/{record_id}",
    operation_id="get_record",
    **guarded(Scope.RECORDS_READ, Code.NOT_FOUND),
)
async def get_record(services: ServicesHere, caller: CallerHere, job_id: JobIdHere, record_id: RecordId) -> RecordStory:
    """Read one record with its whole lineage."""
    job = await job_service.get(services, caller.tenant, job_id)
    return _told(await service.story(services, job, record_id))


def _told(story: Story) -> RecordStory:
    return RecordStory.model_validate(
        {
            **story.record,
            "id": story.record["record_id"],
            "seed": None if story.seed is None else SeedRow.of(story.seed),
            "call": None if story.call is None else Call.of(story.call),
            "rejects": [Reject.of(document) for document in story.rejects],
        }
    )


@router.get("/jobs/{job_id}/rejects", operation_id="list_rejects", **guarded(Scope.RECORDS_READ, Code.NOT_FOUND))
async def list_rejects(
    services: ServicesHere,
    caller: CallerHere,
    job_id: JobIdHere,
    paging: PagingHere,
    reject_class: Annotated[list[RejectClass] | None, Query(description="any of these")] = None,
) -> Listing[Reject]:
    """List failed attempts and rows left out, in the order in which they happened."""
    job = await job_service.get(services, caller.tenant, job_id)
    where = {"reject_class": [each.value for each in reject_class]} if reject_class else {}
    query = StoreQuery(where, limit=paging.limit, cursor=paging.cursor)
    page = await service.ledger(services, job, Collection.REJECTS, query)
    return Listing(items=[Reject.of(hit.document) for hit in page.hits], total=page.total, cursor=page.cursor)


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


@router.get(
    "/jobs/{job_id}/export",
    operation_id="export_records",
    response_class=StreamingResponse,
    **guarded(Scope.RECORDS_READ, Code.NOT_FOUND, answers=_STREAM),
)
async def export_records(
    services: ServicesHere,
    caller: CallerHere,
    job_id: JobIdHere,
    format_: Annotated[ExportFormat, Query(alias="format")] = ExportFormat.JSONL,
    compression: Compression = Compression.NONE,
) -> StreamingResponse:
    """Stream all records of a job; an export that breaks off ends the connection, never the text alone."""
    job = await job_service.get(services, caller.tenant, job_id)
    form = Form(format_, compression)
    chunks = await begun(file_stream(services.store, job, form).chunks())
    name = f'attachment; filename="{form.file_name(job.dataset)}"'
    return StreamingResponse(chunks, media_type=form.media_type, headers={"Content-Disposition": name})
