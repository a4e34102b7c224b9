"""What the tus protocol 1.0 says in headers, read and written."""

import base64
import binascii
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from synthmill.catalog.resumable.incoming import ALGORITHMS, PieceChecksum
from synthmill_api.errors import Code, FaultItem, Refused

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,expiration,termination"
MEDIA_TYPE = "application/offset+octet-stream"
PATH = "/v1/uploads"

_OVERRIDE = "x-http-method-override"
_OVERRIDDEN = frozenset({"PATCH", "DELETE"})
_SHA256 = re.compile("[0-9a-f]{64}")


class TusHeaders:
    """ASGI middleware: every answer about uploads names the version, and POST may stand for what a proxy refuses."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self._app(scope, receive, send)
            return

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Tus-Resumable"] = VERSION
            await send(message)

        method = Headers(scope=scope).get(_OVERRIDE, "").upper()
        if scope["method"] == "POST" and method in _OVERRIDDEN:
            scope = {**scope, "method": method}
        await self._app(scope, receive, send_on)


def require_version(version: str | None) -> None:
    """Refuses another version of the protocol; a client that names none means this one."""
    if version not in (None, VERSION):
        raise Refused(Code.TUS_VERSION, f"version {version} is not spoken here, only {VERSION}")


def read_metadata(text: str) -> dict[str, str]:
    """`name base64, name base64, …` as names and values."""
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, _, encoded = pair.partition(" ")
        try:
            found[name] = base64.b64decode(encoded.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise _faulty("Upload-Metadata", f"the value of {name[:100]!r} is not Base64 of UTF-8") from error
    return found


def read_sha256(metadata: dict[str, str]) -> str | None:
    """The checksum of the whole file that a client may announce among the metadata, in hex."""
    told = metadata.get("sha256")
    if told is not None and not _SHA256.fullmatch(told):
        raise _faulty("Upload-Metadata", "sha256 is not 64 hex digits")
    return told


def read_checksum(text: str | None) -> PieceChecksum | None:
    """`Upload-Checksum: algorithm base64`; None when there is none."""
    if not text:
        return None
    algorithm, _, encoded = text.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise Refused(Code.UNREADABLE_REQUEST, f"Upload-Checksum names none of {', '.join(ALGORITHMS)}")
    try:
        return PieceChecksum(algorithm, base64.b64decode(encoded.strip(), validate=True))
    except binascii.Error as error:
        raise Refused(Code.UNREADABLE_REQUEST, "Upload-Checksum holds no Base64 behind its algorithm") from error


def _faulty(path: str, message: str) -> Refused:
    return Refused(Code.INVALID_REQUEST, f"{path}: {message}", [FaultItem(path=f"header.{path}", message=message)])
