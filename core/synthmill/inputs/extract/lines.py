"""Text lines of bounded length; a byte that cannot be decoded becomes a mark that no real text holds."""

import codecs
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Literal, TextIO

from synthmill.inputs.encoding import Encoding

# One lone surrogate per fault, so that offsets are those of `bytes.decode(encoding, "replace")`.
_MARK = "\udcff"
_MARKED = re.compile("[\udcff\x00]")
_ERRORS = "synthmill-mark"

Newline = Literal["", "\n"]
"""How lines end: "" by LF, CR LF or CR; "\\n" by LF only. Line ends are never translated."""


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return _MARK, error.end


codecs.register_error(_ERRORS, _mark)


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its end, or a piece of one: `starts` and `ends` say whether it is the first and the last piece."""

    number: int
    text: str
    starts: bool = True
    ends: bool = True


@contextmanager
def decoded(file: BinaryIO, encoding: Encoding, newline: Newline = "") -> Iterator[TextIO]:
    """The file as text from behind its byte order mark; the file stays open afterwards."""
    file.seek(encoding.mark)
    text = io.TextIOWrapper(file, encoding=encoding.name, errors=_ERRORS, newline=newline)
    try:
        yield text
    finally:
        text.detach()


def pieces(text: TextIO, limit: int) -> Iterator[Line]:
    """All lines; one that is longer than `limit` characters comes in pieces of about that length."""
    number, starts = 1, True
    while piece := text.readline(limit):
        if piece[-1] == "\r" and len(piece) == limit:
            piece += text.readline(1)  # the limit may have parted CR from LF
        ends = piece[-1] in "\r\n"
        yield Line(number, piece, starts, ends)
        number, starts = number + ends, ends


def legible(text: str) -> str:
    """The text with U+FFFD for what makes it unreadable."""
    return _MARKED.sub("\ufffd", text)


def unreadable(text: str, encoding: Encoding) -> str | None:
    """Why a text cannot be used: bytes outside the encoding or NULs in it; None for a good one."""
    found = _MARKED.search(text)
    if found is None:
        return None
    return "a NUL character" if found[0] == "\x00" else f"bytes that are not {encoding.name}"
