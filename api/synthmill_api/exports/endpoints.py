"""Files of records: streamed as they are read, or written by the worker and fetched by whoever has the URL."""

from typing import Annotated, Any

from fastapi import Header, Path, Response
from fastapi.responses import StreamingResponse

from synthmill.jobs.export.formats import Form
from synthmill.jobs.export.stream import FileStream, file_stream, version_stream
from synthmill.ports.records import Query as StoreQuery
from synthmill_api.auth.guard import Body, guarded, guarded_router
from synthmill_api.auth.scopes import Scope
from synthmill_api.datasets import service as dataset_service
from synthmill_api.datasets.versions import LATEST, DatasetName, VersionHere, number_of
from synthmill_api.dependencies import CallerHere, ServicesHere
from synthmill_api.errors import Code
from synthmill_api.exports import service
from synthmill_api.exports.queries import AfterHere, FormHere
from synthmill_api.exports.views import Export, ExportRequest
from synthmill_api.jobs import service as job_service
from synthmill_api.jobs.endpoints import JobIdHere
from synthmill_api.kit.pages import Listing, PagingHere
from synthmill_api.kit.spans import span_headers, span_of
from synthmill_api.kit.streams import begun
from synthmill_schemas.file_export import Compression, ExportDocument, ExportFormat

router = guarded_router("exports")

ExportId = Annotated[str, Path(pattern=r"^exp_[0-9a-f]{32}$", description="e.g. exp_5f1c…")]
_KINDS: dict[str, Any] = {
    Form(format_, packing).media_type.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}
    for format_ in ExportFormat
    for packing in Compression
}
_LINES = {
    "jsonl": {"value": '{"colour": "red", "poem": "roses", "_record_id": "3f0c9a52-0"}\n'},
    "messages": {
        "value": '{"messages": [{"role": "user", "content": "red"}, {"role": "assistant", "content": "roses"}]}\n'
    },
}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file", "content": _KINDS},
    206: {"description": "The bytes of `Range`", "content": _KINDS},
}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One entry a record; the last column is `_record_id`, except in the chat formats",
        "content": {**_KINDS, "application/x-ndjson": {"schema": {"type": "string"}, "examples": _LINES}},
    }
}


@router.post(
    "/jobs/{job_id}/exports",
    operation_id="create_export",
    status_code=202,
    **guarded(
        Scope.RECORDS_READ,
        Code.NOT_FOUND,
        Code.UNKNOWN_FIELD,
        Code.COLUMNS_MISSING,
        Code.BROKER_UNAVAILABLE,
        Code.OBJECT_STORE_UNAVAILABLE,
        body=Body.JSON,
    ),
)
async def create_export(
    response: Response, services: ServicesHere, caller: CallerHere, job_id: JobIdHere, request: ExportRequest
) -> Export:
    """Order a file of the records that the job has now; ordered again it is the same one, until there are more."""
    document = await service.create(services, caller.tenant, job_id, Form.of(request.format, request))
    response.headers["Location"] = f"/v1/jobs/{job_id}/exports/{document.export_id}"
    return Export.of(document, await service.url_of(services, document))


@router.get("/jobs/{job_id}/exports", operation_id="list_exports", **guarded(Scope.RECORDS_READ, Code.NOT_FOUND))
async def list_exports(
    services: ServicesHere, caller: CallerHere, job_id: JobIdHere, paging: PagingHere
) -> Listing[Export]:
    """List a job's exports, the newest first; look at one to get its URL."""
    where = {"kind": "export", "job_id": job_id}
    query = StoreQuery(where, sort="-at", limit=paging.limit, cursor=paging.cursor)
    page = await service.page(services, caller.tenant, job_id, query)
    items = [Export.of(ExportDocument.model_validate(hit.document)) for hit in page.hits]
    return Listing(items=items, total=page.total, cursor=page.cursor)


@router.get(
    "/jobs/{job_id}/exports/{export_id}",
    operation_id="get_export",
    **guarded(Scope.RECORDS_READ, Code.NOT_FOUND, Code.OBJECT_STORE_UNAVAILABLE),
)
async def get_export(services: ServicesHere, caller: CallerHere, job_id: JobIdHere, export_id: ExportId) -> Export:
    """Follow an export; once it is done the answer has the URL of its file."""
    document = await service.get(services, caller.tenant, job_id, export_id)
    return Export.of(document, await service.url_of(services, document))


@router.get(
    "/jobs/{job_id}/exports/{export_id}/content",
    operation_id="get_export_content",
    response_class=StreamingResponse,
    **guarded(
        Scope.RECORDS_READ,
        Code.NOT_FOUND,
        Code.EXPORT_GONE,
        Code.RANGE_NOT_SATISFIABLE,
        Code.OBJECT_STORE_UNAVAILABLE,
        answers=_FILE,
    ),
)
async def get_export_content(
    services: ServicesHere,
    caller: CallerHere,
    job_id: JobIdHere,
    export_id: ExportId,
    range_: Annotated[
        str | None, Header(alias="Range", description="bytes=FROM-TO, to go on where it broke off")
    ] = None,
    if_range: Annotated[
        str | None, Header(alias="If-Range", description="the ETag, to be sure of the same file")
    ] = None,
) -> StreamingResponse:
    """Fetch an export's file through the API, where its URL cannot be reached; in parts, if wanted."""
    document = await service.get(services, caller.tenant, job_id, export_id)
    form = Form.of(document.format, document)
    tag = f'"{document.sha256}"'
    span = span_of(range_ if if_range in (None, tag) else None, document.size or 0)
    chunks = await begun(service.content(services, document, span))
    return StreamingResponse(
        chunks,
        status_code=200 if span is None else 206,
        media_type=form.media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{document.file_name}"',
            "Accept-Ranges": "bytes",
            "ETag": tag,
            **span_headers(span, document.size or 0),
        },
    )


@router.get(
    "/jobs/{job_id}/export",
    operation_id="export_records",
    response_class=StreamingResponse,
    **guarded(Scope.RECORDS_READ, Code.NOT_FOUND, Code.UNKNOWN_FIELD, Code.COLUMNS_MISSING, answers=_STREAM),
)
async def export_records(
    services: ServicesHere, caller: CallerHere, job_id: JobIdHere, form: FormHere, after: AfterHere = None
) -> StreamingResponse:
    """Stream a job's records in the order of their slots; an export that breaks off ends the connection too."""
    job = await job_service.get(services, caller.tenant, job_id)
    return await _streamed(file_stream(services.store, job, form, after=after), form.file_name(job.dataset), form)


@router.get(
    "/datasets/{dataset}/export",
    operation_id="export_dataset",
    response_class=StreamingResponse,
    **guarded(Scope.RECORDS_READ, Code.NOT_FOUND, Code.UNKNOWN_FIELD, Code.COLUMNS_MISSING, answers=_STREAM),
)
async def export_dataset(
    services: ServicesHere,
    caller: CallerHere,
    dataset: DatasetName,
    form: FormHere,
    version: VersionHere = LATEST,
    after: AfterHere = None,
) -> StreamingResponse:
    """Stream the records that a version of a dataset shows, in the order of their ids."""
    chosen = await dataset_service.version(services, caller.tenant, dataset, number_of(version))
    job = await job_service.get(services, caller.tenant, chosen.job_id)
    stream = version_stream(services.store, job, chosen.number, form, after=after)
    return await _streamed(stream, form.file_name(f"{dataset}.v{chosen.number}"), form)


async def _streamed(stream: FileStream, name: str, form: Form) -> StreamingResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(await begun(stream.chunks()), media_type=form.media_type, headers=headers)
