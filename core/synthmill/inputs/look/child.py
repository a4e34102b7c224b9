"""`python -m synthmill.inputs.look.child`: reads the beginning of one file within hard limits, says what it found.

The first line of stdin says what is wanted; then stdin holds the bytes that were asked for on stdout, whose last line
is what was found, or why nothing was.
"""

import io
import json
import resource
import sys
import time
from dataclasses import dataclass

from synthmill.errors import InputUnusable
from synthmill.inputs.detect import SourceKind
from synthmill.inputs.encoding import find_encoding
from synthmill.inputs.extract.delimited import sniff
from synthmill.inputs.extract.extract import Extraction, extract
from synthmill.inputs.extract.rows import BadRow, Limits, Row
from synthmill.inputs.extract.survey import glance
from synthmill.inputs.look.found import BadRowFound, Found, columns_of, shown
from synthmill.inputs.look.remote import RemoteFile
from synthmill_schemas.base import JsonObject
from synthmill_schemas.recipe import Chunking

_MEMORY_BYTES = 512 << 20
_CPU_SECONDS = 15
_ROW_SECONDS = 3.0  # rows that each take long, as some files are made to, are shown as far as they came
_BUFFER_BYTES = 64 << 10
_HEAD_BYTES = 128 << 10  # enough to tell UTF-8 from other encodings; a job looks at all bytes
_MOST_ROW_BYTES = 8 << 20  # of all rows together
_MOST_SHOWN_BYTES = 1 << 20
_MOST_BAD_ROWS = 20
_BATCH_ROWS = 50
_TABLES = (SourceKind.CSV, SourceKind.TSV)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look at; `rows` are shown, columns and types are told by `sample` of them."""

    name: str
    size: int
    rows: int
    sample: int


def main() -> None:
    """One look."""
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asks, answers = sys.stdout.buffer, sys.stdin.buffer
    wanted = Wanted(**json.loads(answers.readline()))
    told: JsonObject
    try:
        told = {"found": _look(io.BufferedReader(RemoteFile(wanted.size, asks, answers), _BUFFER_BYTES), wanted)}
    except InputUnusable as error:
        told = {"refused": str(error)}
    except MemoryError:
        told = {"refused": "reading its first rows takes more memory than is given to a look"}
    asks.write(json.dumps(told).encode() + b"\n")
    asks.flush()


def _look(file: io.BufferedReader, wanted: Wanted) -> JsonObject:
    survey = glance(file, wanted.size, _HEAD_BYTES)
    extraction = extract(file, wanted.name, survey, Limits(batch_rows=_BATCH_ROWS), Chunking())
    rows, bad, complete = _sample(extraction, wanted.sample)
    encoding, delimiter = _form(file, extraction.kind, survey.utf8_fault)
    found = Found(
        kind=extraction.kind,
        encoding=encoding,
        delimiter=delimiter,
        columns=columns_of(rows, extraction.columns),
        rows=_shown(rows[: wanted.rows]),
        bad_rows=[BadRowFound(row=row.number, line=row.line, reason=row.reason) for row in bad],
        looked_at=len(rows),
        complete=complete,
    )
    return found.model_dump(mode="json")


def _sample(extraction: Extraction, most: int) -> tuple[list[JsonObject], list[BadRow], bool]:
    rows: list[JsonObject] = []
    bad: list[BadRow] = []
    size, deadline = 0, time.monotonic() + _ROW_SECONDS
    for row in extraction.rows:
        match row:
            case Row():
                rows.append(row.data)
                size += row.size
            case BadRow() if len(bad) < _MOST_BAD_ROWS:
                bad.append(row)
        if len(rows) >= most or size > _MOST_ROW_BYTES:
            return rows, bad, next(extraction.rows, None) is None
        if time.monotonic() > deadline:
            return rows, bad, False
    return rows, bad, True


def _shown(rows: list[JsonObject]) -> list[JsonObject]:
    kept: list[JsonObject] = []
    size = 0
    for row in map(shown, rows):
        size += len(json.dumps(row))
        if size > _MOST_SHOWN_BYTES:
            break
        kept.append(row)
    return kept


def _form(file: io.BufferedReader, kind: SourceKind, fault: int | None) -> tuple[str | None, str | None]:
    """Encoding and delimiter."""
    if kind is SourceKind.PARQUET:
        return None, None
    encoding = find_encoding(file, fault)
    if kind not in _TABLES:
        return encoding.name, None
    delimiter = sniff(file, encoding, prefer_tab=kind is SourceKind.TSV).delimiter
    return encoding.name, delimiter if delimiter.isprintable() or delimiter == "\t" else None


if __name__ == "__main__":
    main()
