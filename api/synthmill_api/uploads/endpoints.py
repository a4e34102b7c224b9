"""`/v1/uploads`: create an upload, send its pieces, ask how far it came, give it up."""

from typing import Annotated, Any

from fastapi import Header, Path, Request, Response

from synthmill.catalog.resumable.documents import UploadDocument, get_upload, uploads_page
from synthmill.catalog.resumable.expiry import give_up
from synthmill_api.auth.guard import Body, guarded, guarded_router
from synthmill_api.auth.scopes import Scope
from synthmill_api.dependencies import CallerHere, ConfigHere, ServicesHere
from synthmill_api.errors import Code
from synthmill_api.kit.pages import Listing, PagingHere
from synthmill_api.uploads import service, tus
from synthmill_api.uploads.views import UploadView, headers_of

router = guarded_router("uploads")

UploadId = Annotated[str, Path(max_length=64, description="e.g. upl_5f1c…", pattern=r"^[A-Za-z0-9_-]+$")]
Version = Annotated[str | None, Header(max_length=20, description="of the protocol: 1.0.0")]
_CHECKSUM = r"^(sha1|sha256|md5) ([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
Checksum = Annotated[
    str | None,
    Header(
        max_length=200,
        description="sha1, sha256 or md5, a space, and the body's in Base64",
        json_schema_extra={"pattern": _CHECKSUM},  # told, not asked here: tus wants a 400
    ),
]
_METADATA = "`filename` and its value in Base64; `sha256`, in hex and then in Base64, to have the whole file checked"

_PIECE: dict[str, Any] = {
    "required": True,
    "description": "Bytes of the file.",
    "content": {tus.MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
}
_OFFSET = {"description": "bytes that are here", "schema": {"type": "integer"}, "example": 1073741824}
_EXPIRES = {"description": "when it is given up", "schema": {"type": "string"}}
_BECAME = {"description": "the source, once the last byte is here", "schema": {"type": "string"}}
_WHERE = {"description": "where the next pieces go", "schema": {"type": "string"}}
_STANDS = {"Upload-Offset": _OFFSET, "Upload-Expires": _EXPIRES, "Content-Location": _BECAME}
_CREATED = {"description": "An upload, empty or with what came along", "headers": {**_STANDS, "Location": _WHERE}}
_SENT = {"description": "The bytes are here; they are kept whatever happens next", "headers": _STANDS}
_ABLE = {"description": "`Tus-Version`, `Tus-Extension`, `Tus-Max-Size` and `Tus-Checksum-Algorithm`"}

_OF_PIECE = (
    Code.UPLOAD_STALLED,
    Code.UPLOAD_OFFSET,
    Code.UPLOAD_LOCKED,
    Code.UPLOAD_EXPIRED,
    Code.PIECE_MISMATCH,
    Code.CHECKSUM_MISMATCH,
    Code.INPUT_UNUSABLE,
    Code.TUS_VERSION,
    Code.OBJECT_STORE_UNAVAILABLE,
    Code.STORAGE_FULL,
)


@router.options(
    "/uploads",
    operation_id="describe_uploads",
    status_code=204,
    response_class=Response,
    **guarded(Scope.SOURCES_WRITE, answers={204: _ABLE}),
)
async def describe_uploads(config: ConfigHere) -> Response:
    """Tell what of the tus protocol is spoken here."""
    return Response(status_code=204, headers=service.abilities(config))


@router.post(
    "/uploads",
    operation_id="create_upload",
    status_code=201,
    response_class=Response,
    **guarded(
        Scope.SOURCES_WRITE,
        *_OF_PIECE,
        body=Body.FILE,
        answers={201: _CREATED},
        extra={"requestBody": _PIECE | {"required": False}},
    ),
)
async def create_upload(
    request: Request,
    services: ServicesHere,
    config: ConfigHere,
    caller: CallerHere,
    upload_length: Annotated[int, Header(ge=0, description="bytes of the whole file", examples=[2_147_483_648])],
    upload_metadata: Annotated[
        str, Header(max_length=4_096, description=_METADATA, examples=["filename cHJvZHVjdHMuY3N2"])
    ],
    tus_resumable: Version = None,
    upload_checksum: Checksum = None,
) -> Response:
    """Create an upload (tus); a body is its first piece. `Location` tells where the next ones go."""
    tus.require_version(tus_resumable)
    piece = service.first_piece(request, tus.read_checksum(upload_checksum))
    upload = await service.create(services, config, caller.tenant, upload_length, upload_metadata)
    if piece is not None:
        upload = await service.append(services, caller.tenant, upload.upload_id, piece)
    return Response(status_code=201, headers={"Location": f"{tus.PATH}/{upload.upload_id}", **headers_of(upload)})


@router.get("/uploads", operation_id="list_uploads", **guarded(Scope.SOURCES_READ))
async def list_uploads(services: ServicesHere, caller: CallerHere, paging: PagingHere) -> Listing[UploadView]:
    """List uploads, the newest first; finished ones are shown until they expire."""
    page = await uploads_page(services, caller.tenant, paging.limit, paging.cursor)
    items = [UploadView.of(UploadDocument.model_validate(hit.document)) for hit in page.hits]
    return Listing(items=items, total=page.total, cursor=page.cursor)


@router.get("/uploads/{upload_id}", operation_id="get_upload", **guarded(Scope.SOURCES_READ, Code.NOT_FOUND))
async def get_upload_(services: ServicesHere, caller: CallerHere, upload_id: UploadId) -> UploadView:
    """Look at an upload; once it is finished it names its source."""
    return UploadView.of((await get_upload(services, caller.tenant, upload_id)).document)


@router.head(
    "/uploads/{upload_id}",
    operation_id="locate_upload",
    response_class=Response,
    **guarded(
        Scope.SOURCES_WRITE,
        Code.NOT_FOUND,
        Code.UPLOAD_EXPIRED,
        Code.TUS_VERSION,
        answers={200: {"description": "How far it came", "headers": _STANDS}},
    ),
)
async def locate_upload(
    services: ServicesHere, caller: CallerHere, upload_id: UploadId, tus_resumable: Version = None
) -> Response:
    """Ask where the next piece begins (tus)."""
    upload = (await get_upload(services, caller.tenant, upload_id)).document
    tus.require_version(tus_resumable)
    service.require_time(upload)
    told = {"Upload-Length": str(upload.length), "Upload-Metadata": upload.metadata}
    return Response(headers={**headers_of(upload), **told})


@router.patch(
    "/uploads/{upload_id}",
    operation_id="continue_upload",
    status_code=204,
    response_class=Response,
    **guarded(
        Scope.SOURCES_WRITE,
        Code.NOT_FOUND,
        *_OF_PIECE,
        body=Body.FILE,
        answers={204: _SENT},
        extra={"requestBody": _PIECE},
    ),
)
async def continue_upload(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    upload_id: UploadId,
    upload_offset: Annotated[int, Header(ge=0, description="where the body begins", examples=[0])],
    tus_resumable: Version = None,
    upload_checksum: Checksum = None,
) -> Response:
    """Send the next piece (tus). Cut off in the middle, what came is kept; with a checksum, all of it or nothing."""
    await get_upload(services, caller.tenant, upload_id)
    tus.require_version(tus_resumable)
    piece = service.piece(request, upload_offset, tus.read_checksum(upload_checksum))
    upload = await service.append(services, caller.tenant, upload_id, piece)
    return Response(status_code=204, headers=headers_of(upload))


@router.delete(
    "/uploads/{upload_id}",
    operation_id="give_up_upload",
    status_code=204,
    **guarded(Scope.SOURCES_WRITE, Code.NOT_FOUND, Code.UPLOAD_LOCKED, Code.TUS_VERSION, Code.OBJECT_STORE_UNAVAILABLE),
)
async def give_up_upload(
    services: ServicesHere, caller: CallerHere, upload_id: UploadId, tus_resumable: Version = None
) -> None:
    """Give an upload up, with all that came (tus). The source that a finished one became stays."""
    upload = (await get_upload(services, caller.tenant, upload_id)).document
    tus.require_version(tus_resumable)
    await give_up(services, upload)
