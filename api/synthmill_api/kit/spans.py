"""Parts of a file: the `Range` header of RFC 9110, one range at a time."""

import re
from dataclasses import dataclass

from synthmill_api.errors import Code, Refused

_RANGE = re.compile(r"bytes=(\d{1,18})?-(\d{1,18})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of a file, the last one not included."""

    start: int
    end: int


def span_of(header: str | None, size: int) -> Span | None:
    """The bytes that are wanted; None: the whole file, also for what is no single range. A 416 for none of the file."""
    match = _RANGE.fullmatch(header or "")
    if match is None or match.groups() == (None, None):
        return None
    first, last = match.groups()
    if first is None:
        span = Span(max(0, size - int(last)), size)
    else:
        span = Span(int(first), size if last is None else min(size, int(last) + 1))
    if last is not None and first is not None and int(last) < int(first):
        return None
    if span.start >= span.end:
        raise Refused(Code.RANGE_NOT_SATISFIABLE, f"the file has {size} bytes, {header} is none of them")
    return span


def span_headers(span: Span | None, size: int) -> dict[str, str]:
    """What an answer says of the part it is."""
    if span is None:
        return {"Content-Length": str(size)}
    return {"Content-Range": f"bytes {span.start}-{span.end - 1}/{size}", "Content-Length": str(span.end - span.start)}
