"""`/v1/sources`: upload, list, look at and delete files."""

from typing import Annotated

from fastapi import Path, Query, Request, Response

from synthmill.catalog.looking import inspect
from synthmill.catalog.sources import SourceDocument
from synthmill.catalog.uploads import Outcome, Upload, store_upload
from synthmill.ports.records import Query as StoreQuery
from synthmill_api import metrics
from synthmill_api.auth.guard import Body, guarded, guarded_router
from synthmill_api.auth.scopes import Scope
from synthmill_api.dependencies import CallerHere, ServicesHere
from synthmill_api.errors import Code, Refused
from synthmill_api.kit.multipart import file_part
from synthmill_api.kit.pages import Listing, PagingHere
from synthmill_api.sources import service
from synthmill_api.sources.views import Source, SourceInspection

router = guarded_router("sources")

SourceId = Annotated[str, Path(max_length=64, description="e.g. src_5f1c…", pattern=r"^[A-Za-z0-9_-]+$")]

_FILE = {"type": "string", "format": "binary"}
_FORM = {"type": "object", "required": ["file"], "properties": {"file": _FILE}, "additionalProperties": False}
_REQUEST_BODY = {
    "required": True,
    "description": "A form with one part `file`, or the bytes themselves with `?name=`.",
    "content": {"multipart/form-data": {"schema": _FORM}, "application/octet-stream": {"schema": _FILE}},
}


@router.post(
    "/sources",
    operation_id="upload_source",
    status_code=201,
    **guarded(
        Scope.SOURCES_WRITE,
        Code.INPUT_UNUSABLE,
        Code.CHECKSUM_MISMATCH,
        Code.OBJECT_STORE_UNAVAILABLE,
        Code.STORAGE_FULL,
        body=Body.FILE,
        answers={200: {"model": Source, "description": "This content was there already"}},
        extra={"requestBody": _REQUEST_BODY},
    ),
)
async def upload_source(
    request: Request,
    response: Response,
    services: ServicesHere,
    caller: CallerHere,
    name: Annotated[str | None, Query(max_length=1_024, description="the file's name, for a body of bytes")] = None,
    sha256: Annotated[str | None, Query(pattern="^[0-9a-f]{64}$", description="refuse other bytes than these")] = None,
) -> Source:
    """Upload a file; it is streamed to the object store and never held in memory."""
    upload = await _upload(request, name, sha256)
    document, outcome = await store_upload(services, caller.tenant, upload)
    metrics.UPLOADED.add(document.size)
    response.status_code = 201 if outcome is Outcome.NEW else 200
    response.headers["Location"] = f"/v1/sources/{document.source_id}"
    return Source.of(document)


async def _upload(request: Request, name: str | None, sha256: str | None) -> Upload:
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(Code.UNSUPPORTED_MEDIA_TYPE, "send the file as it is, without Content-Encoding")
    type_ = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    match type_:
        case "multipart/form-data":
            part = await file_part(request)
            return Upload(service.checked_name(name or part.name), part.chunks, sha256)
        case "application/x-www-form-urlencoded":
            raise Refused(Code.UNSUPPORTED_MEDIA_TYPE, "send multipart/form-data, or the bytes as any other type")
        case _:
            return Upload(service.checked_name(name), request.stream(), sha256)


@router.get("/sources", operation_id="list_sources", **guarded(Scope.SOURCES_READ))
async def list_sources(services: ServicesHere, caller: CallerHere, paging: PagingHere) -> Listing[Source]:
    """List sources, the newest first."""
    query = StoreQuery(sort="-created_at", limit=paging.limit, cursor=paging.cursor)
    page = await service.page(services, caller.tenant, query)
    items = [Source.of(SourceDocument.model_validate(hit.document)) for hit in page.hits]
    return Listing(items=items, total=page.total, cursor=page.cursor)


@router.get("/sources/{source_id}", operation_id="get_source", **guarded(Scope.SOURCES_READ, Code.NOT_FOUND))
async def get_source(services: ServicesHere, caller: CallerHere, source_id: SourceId) -> Source:
    """Look at a source."""
    return Source.of(await service.get(services, caller.tenant, source_id))


@router.get(
    "/sources/{source_id}/inspect",
    operation_id="inspect_source",
    **guarded(
        Scope.SOURCES_READ,
        Code.NOT_FOUND,
        Code.SOURCE_GONE,
        Code.INPUT_UNUSABLE,
        Code.OBJECT_STORE_UNAVAILABLE,
    ),
)
async def inspect_source(
    services: ServicesHere,
    caller: CallerHere,
    source_id: SourceId,
    rows: Annotated[int, Query(ge=0, le=100, description="how many to show")] = 10,
) -> SourceInspection:
    """Look into a source: first rows, columns, types, encoding. Works on its seeds when its file is gone."""
    source = await service.get(services, caller.tenant, source_id)
    return SourceInspection.of(await inspect(services, source, rows))


@router.delete(
    "/sources/{source_id}",
    operation_id="delete_source",
    status_code=204,
    **guarded(Scope.SOURCES_WRITE, Code.NOT_FOUND, Code.SOURCE_IN_USE, Code.OBJECT_STORE_UNAVAILABLE),
)
async def delete_source(
    services: ServicesHere,
    caller: CallerHere,
    source_id: SourceId,
    derived: Annotated[bool, Query(description="also all seeds and rejected rows that jobs made of it")] = False,
) -> None:
    """Delete a source and its file. Jobs keep seeds of their own; `derived` deletes those too, records always stay."""
    await service.delete(services, caller.tenant, source_id, derived=derived)
