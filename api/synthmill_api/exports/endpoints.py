"""`/v1/jobs/{job_id}/exports`: have files of a job's records written, and fetch them."""

from typing import Annotated, Any

from fastapi import Path, Response
from fastapi.responses import StreamingResponse

from synthmill.jobs.export.formats import Form
from synthmill.ports.records import Query as StoreQuery
from synthmill_api.auth.guard import Body, guarded, guarded_router
from synthmill_api.auth.scopes import Scope
from synthmill_api.dependencies import CallerHere, ServicesHere
from synthmill_api.errors import Code
from synthmill_api.exports import service
from synthmill_api.exports.views import Export, ExportRequest
from synthmill_api.jobs.endpoints import JobIdHere
from synthmill_api.kit.pages import Listing, PagingHere
from synthmill_api.kit.streams import begun
from synthmill_schemas.file_export import Compression, ExportDocument, ExportFormat

router = guarded_router("exports")

ExportId = Annotated[str, Path(pattern=r"^exp_[0-9a-f]{32}$", description="e.g. exp_5f1c…")]
_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file",
        "content": {
            Form(format_, packing).media_type.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}
            for format_ in ExportFormat
            for packing in Compression
        },
    }
}


@router.post(
    "/jobs/{job_id}/exports",
    operation_id="create_export",
    status_code=202,
    **guarded(
        Scope.RECORDS_READ,
        Code.NOT_FOUND,
        Code.BROKER_UNAVAILABLE,
        Code.OBJECT_STORE_UNAVAILABLE,
        body=Body.JSON,
    ),
)
async def create_export(
    response: Response, services: ServicesHere, caller: CallerHere, job_id: JobIdHere, request: ExportRequest
) -> Export:
    """Order a file of the records that the job has now; ordered again it is the same one, until there are more."""
    document = await service.create(services, caller.tenant, job_id, Form(request.format, request.compression))
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
    **guarded(Scope.RECORDS_READ, Code.NOT_FOUND, Code.EXPORT_GONE, Code.OBJECT_STORE_UNAVAILABLE, answers=_FILE),
)
async def get_export_content(
    services: ServicesHere, caller: CallerHere, job_id: JobIdHere, export_id: ExportId
) -> StreamingResponse:
    """Fetch an export's file through the API, where its URL cannot be reached."""
    document = await service.get(services, caller.tenant, job_id, export_id)
    form = Form(document.format, document.compression)
    headers = {"Content-Disposition": f'attachment; filename="{document.file_name}"'}
    chunks = await begun(service.content(services, document))
    return StreamingResponse(chunks, media_type=form.media_type, headers=headers)
