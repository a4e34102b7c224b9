"""Reads requests of the tus protocol and hands their bytes to core."""

from starlette.requests import Request

from synthmill.catalog.resumable import append as core
from synthmill.catalog.resumable.append import Piece
from synthmill.catalog.resumable.documents import UploadDocument, create_upload
from synthmill.catalog.resumable.errors import UploadExpired
from synthmill.catalog.resumable.incoming import ALGORITHMS, PieceChecksum
from synthmill.errors import InputUnusable
from synthmill.services import Services
from synthmill_api import metrics
from synthmill_api.config import ApiConfig
from synthmill_api.errors import Code, Refused
from synthmill_api.sources.service import checked_name
from synthmill_api.uploads import tus
from synthmill_schemas.base import now


def abilities(config: ApiConfig) -> dict[str, str]:
    """What OPTIONS tells."""
    return {
        "Tus-Version": tus.VERSION,
        "Tus-Extension": tus.EXTENSIONS,
        "Tus-Max-Size": str(config.max_source_bytes),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }


async def create(services: Services, config: ApiConfig, tenant: str, length: int, text: str) -> UploadDocument:
    """A new upload, refused before anything of it has come where it can never become a source."""
    metadata = tus.read_metadata(text)
    name = checked_name(metadata.get("filename") or metadata.get("name"))
    if length > config.max_source_bytes:
        raise Refused(Code.TOO_LARGE, f"a file may have {config.max_source_bytes} bytes here")
    if length == 0:
        raise InputUnusable(f"{name} is empty; there is nothing to generate from")
    sha256 = tus.read_sha256(metadata)
    return await create_upload(services, tenant, name=name, length=length, sha256=sha256, metadata=text)


def first_piece(request: Request, checksum: PieceChecksum | None) -> Piece | None:
    """The body of a creation, if it has one."""
    empty = request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers
    return None if empty else piece(request, 0, checksum)


def piece(request: Request, offset: int, checksum: PieceChecksum | None) -> Piece:
    """The body of a request."""
    type_ = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if type_ != tus.MEDIA_TYPE:
        raise Refused(Code.UNSUPPORTED_MEDIA_TYPE, f"send the bytes as they are, as {tus.MEDIA_TYPE}")
    return Piece(offset, request.stream(), checksum)


async def append(services: Services, tenant: str, upload_id: str, piece: Piece) -> UploadDocument:
    """Stores a piece; counted when the whole has become a source."""
    upload = await core.append(services, tenant, upload_id, piece)
    if upload.finished:
        metrics.UPLOADED.add(upload.length)
    return upload


def require_time(upload: UploadDocument) -> None:
    """Refuses an unfinished upload whose time is over."""
    if not upload.finished and upload.expires_at < now():
        raise UploadExpired(f"upload {upload.upload_id} was not finished in time")
