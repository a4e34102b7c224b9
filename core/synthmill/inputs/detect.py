"""Which kind of file it is, by content and name: content decides what it can be, the name which of these it is."""

import re
from enum import StrEnum
from pathlib import PurePosixPath
from typing import BinaryIO

from synthmill.errors import InputUnusable
from synthmill.inputs.delimiters import is_tabular
from synthmill.inputs.encoding import is_damaged_utf8, marked_encoding

ACCEPTED = "accepted are CSV, TSV, JSON, JSON lines, Parquet, plain text and Markdown, not compressed"
HEAD_BYTES = 1 << 16


class SourceKind(StrEnum):
    """The kinds that can be read."""

    CSV = "csv"
    TSV = "tsv"
    JSON = "json"
    JSONL = "jsonl"
    PARQUET = "parquet"
    TEXT = "text"
    MARKDOWN = "markdown"


_BY_SUFFIX = {
    ".csv": SourceKind.CSV,
    ".tsv": SourceKind.TSV,
    ".tab": SourceKind.TSV,
    ".json": SourceKind.JSON,
    ".jsonl": SourceKind.JSONL,
    ".ndjson": SourceKind.JSONL,
    ".parquet": SourceKind.PARQUET,
    ".pq": SourceKind.PARQUET,
    ".txt": SourceKind.TEXT,
    ".text": SourceKind.TEXT,
    ".log": SourceKind.TEXT,
    ".md": SourceKind.MARKDOWN,
    ".markdown": SourceKind.MARKDOWN,
}

_PARQUET = b"PAR1"
_REFUSED = (
    (b"\x1f\x8b", "gzip-compressed; unpack it first"),
    (b"BZh", "bzip2-compressed; unpack it first"),
    (b"\xfd7zXZ\x00", "xz-compressed; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed; unpack it first"),
    (b"PK\x03\x04", "a zip archive or an Office document; unpack it, or export its text or table"),
    (b"PARE", "an encrypted Parquet file"),
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"{\\rtf", "an RTF document"),
    (b"SQLite format 3", "an SQLite database"),
    (b"ARROW1", "an Arrow file; save it as Parquet"),
    (b"Obj\x01", "an Avro file"),
)
_MARKUP = re.compile(r"\s*<(\?xml|!doctype|html)", re.IGNORECASE)
_JSON = re.compile(r"\{\s*[\"}]|\[\s*[{\]]")
_REPEAT = re.compile(r"#\d+$")  # a second source of the same name is called `name#2`

# Control characters that text does not have. Random bytes have 11 % of them.
_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\v\x1b"))
_MOST_CONTROL_IN_TEXT = 0.3
_MOST_CONTROL_OUTSIDE_UTF8 = 0.02
_MOST_CONTROL_IN_FEW_BYTES = 0.06  # one of 30 bytes is no share to judge by
_FEW_BYTES = 1_024


def detect(file: BinaryIO, name: str) -> SourceKind:
    """The kind of the file; raises `InputUnusable` with what it is and what is accepted. Leaves it at its start."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    file.seek(0)
    named = _BY_SUFFIX.get(PurePosixPath(_REPEAT.sub("", name)).suffix.lower())
    if not head:
        raise InputUnusable("an empty file: there is nothing to generate from")
    if head.startswith(_PARQUET):
        return _parquet(file)
    _refuse_binary(head)
    if named is SourceKind.PARQUET:
        raise InputUnusable(f"named like Parquet, but its content is not; {ACCEPTED}")
    start = _start(head)
    if not start and len(head) < HEAD_BYTES:
        raise InputUnusable("only white space: there is no text in it")
    return _text_kind(start, named)


def _parquet(file: BinaryIO) -> SourceKind:
    file.seek(-len(_PARQUET), 2)
    tail = file.read()
    file.seek(0)
    if tail != _PARQUET:
        raise InputUnusable("begins like a Parquet file and does not end like one: it is cut off or damaged")
    return SourceKind.PARQUET


def _refuse_binary(head: bytes) -> None:
    for magic, what in _REFUSED:
        if head.startswith(magic):
            raise InputUnusable(f"{what}; {ACCEPTED}")
    if marked_encoding(head) is None and _looks_binary(head):
        raise InputUnusable(f"binary data; {ACCEPTED}")


def _looks_binary(head: bytes) -> bool:
    control = (len(head) - len(head.translate(None, _CONTROL))) / len(head)
    if _is_utf8(head) or is_damaged_utf8(head):
        return control > _MOST_CONTROL_IN_TEXT
    return control > (_MOST_CONTROL_IN_FEW_BYTES if len(head) < _FEW_BYTES else _MOST_CONTROL_OUTSIDE_UTF8)


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4  # a character parted by the end of the sample
    return True


def _start(head: bytes) -> str:
    """The beginning as text, good enough to see brackets and tags."""
    marked = marked_encoding(head)
    if marked is None:
        return head.decode("latin-1").lstrip()
    return head[marked.mark :].decode(marked.name, "replace").lstrip()


def _text_kind(start: str, named: SourceKind | None) -> SourceKind:
    if named in (SourceKind.TEXT, SourceKind.MARKDOWN):
        return named
    if _MARKUP.match(start):
        raise InputUnusable(f"an HTML or XML document; {ACCEPTED}")
    if named in (SourceKind.JSON, SourceKind.JSONL):
        return _json_kind(start, named)
    if _JSON.match(start):
        if named is not None:
            raise InputUnusable(f"named like {named.upper()}, but it holds JSON: rename it to .json or .jsonl")
        return _json_kind(start, SourceKind.JSON)
    if named is None and is_tabular(start.splitlines()[:-1]):
        return SourceKind.CSV
    return named or SourceKind.TEXT


def _json_kind(start: str, named: SourceKind) -> SourceKind:
    """An array is a document whatever the name says; several objects, one a line, are JSON lines."""
    if start.startswith("["):
        return SourceKind.JSON
    if not start.startswith("{"):
        if named is SourceKind.JSONL:
            return named  # every line is judged by itself
        raise InputUnusable(f"named like JSON, but it does not begin with an object or an array; {ACCEPTED}")
    lines = [line.strip() for line in start.splitlines() if line.strip()][:2]
    if len(lines) == 2 and lines[0].endswith("}") and lines[1].startswith("{"):
        return SourceKind.JSONL
    return named
