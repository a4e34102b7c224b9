"""One file out of a multipart body, as a stream: no more of it is in memory than what the socket gave last.

The only module that knows `python_multipart`.
"""

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from synthmill_api.errors import Code, Refused

_MOST_HEADER_BYTES = 8_192
PART = "file"
"""The name of the one part that is taken."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """The file's name as the client gave it, and its bytes; reading them to the end checks the rest of the body."""

    name: str
    chunks: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class _PartBegan:
    name: str
    filename: str


class _BodyEnded:
    """The last boundary was read."""


@dataclass(slots=True)
class _Events:
    """What the parser found in the bytes that it was given."""

    queue: "deque[_PartBegan | _BodyEnded | bytes]" = field(default_factory=deque)
    _field: bytes = b""
    _value: bytes = b""
    _disposition: bytes = b""
    _header_bytes: int = 0

    def on_part_begin(self) -> None:
        self._disposition, self._header_bytes = b"", 0

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += self._header(data[start:end])

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += self._header(data[start:end])

    def on_header_end(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = self._value
        self._field = self._value = b""

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        name, filename = options.get(b"name", b""), options.get(b"filename", b"")
        self.queue.append(_PartBegan(name.decode("utf-8", "replace"), filename.decode("utf-8", "replace")))

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self.queue.append(data[start:end])

    def on_end(self) -> None:
        self.queue.append(_BodyEnded())

    def _header(self, piece: bytes) -> bytes:
        self._header_bytes += len(piece)
        if self._header_bytes > _MOST_HEADER_BYTES:
            raise unreadable("the headers of a part are too long")
        return piece


async def file_part(request: Request) -> FilePart:
    """The file of the body; a `Refused` when there is none, another part, or no proper body."""
    _, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if not boundary:
        raise unreadable("multipart/form-data without a boundary")
    events = _read(request, boundary)
    first = await anext(events, None)
    if not isinstance(first, _PartBegan) or first.name != PART:
        raise unreadable(f"the body's one part has to be called {PART!r}")
    return FilePart(first.filename, _content(events))


async def _content(events: "AsyncIterator[_PartBegan | _BodyEnded | bytes]") -> AsyncIterator[bytes]:
    async for event in events:
        match event:
            case bytes():
                yield event
            case _PartBegan():
                raise unreadable(f"one file at a time: send the part {event.name[:100]!r} by itself")
            case _BodyEnded():
                return


async def _read(request: Request, boundary: bytes) -> "AsyncIterator[_PartBegan | _BodyEnded | bytes]":
    events = _Events()
    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": events.on_part_begin,
            "on_header_field": events.on_header_field,
            "on_header_value": events.on_header_value,
            "on_header_end": events.on_header_end,
            "on_headers_finished": events.on_headers_finished,
            "on_part_data": events.on_part_data,
            "on_end": events.on_end,
        },
    )
    async for chunk in request.stream():
        try:
            parser.write(chunk)
        except FormParserError as error:
            raise unreadable(f"not multipart/form-data: {error}") from error
        while events.queue:
            yield events.queue.popleft()
    raise unreadable("the body breaks off before its last boundary")


def unreadable(detail: str) -> Refused:
    """The refusal of a body that cannot be read."""
    return Refused(Code.UNREADABLE_REQUEST, detail)
