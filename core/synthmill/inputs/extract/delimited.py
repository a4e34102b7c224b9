"""CSV and TSV: the first row is the header, every other row must have its fields; a broken row never swallows others.

A row that cannot be parsed (an open quote, a stray quote, over-long) is bad, and reading goes on with the line after
the one where it began: so one lost quote costs its own line, not the rest of the file.
"""

import csv
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO, TextIO

from synthmill.errors import InputUnusable
from synthmill.inputs.delimiters import DELIMITERS, SAMPLE_LINES, UNFIT, fit
from synthmill.inputs.encoding import Encoding
from synthmill.inputs.extract.lines import Line, decoded, pieces, unreadable
from synthmill.inputs.extract.rows import BadRow, Limits, Row, Rows, cut, unique_names

_SAMPLE_CHARACTERS = 1 << 16

# In a list of sentences under one heading a comma is a comma. The parser wants a delimiter, so it gets one that no
# text holds.
_NO_DELIMITER = "\x1f"
_SEPARATOR_LINE = re.compile(r"sep=(.)\s*$", re.IGNORECASE)  # what Excel writes before the header

_CSV_FAULTS = {
    "unexpected end of data": "a quote is opened and never closed",
    "field larger": "longer than {limit} bytes",
    "expected after": "a quote inside a quoted field is not doubled, or a quote is not closed",
}


class _TooLong(Exception):
    """The record in hand is over the limit."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the file is written: its delimiter, and how many lines stand before the header."""

    delimiter: str
    skip: int = 0


@dataclass(slots=True)
class _Record:
    """One record as parsed: `fields` or `fault`, the line where it began, and its text."""

    fields: list[str]
    fault: str | None
    line: int
    text: str


@dataclass(slots=True)
class _Feed:
    """Gives lines to the CSV parser and remembers those of the record in hand, so that they can be given again."""

    lines: Iterator[Line]
    limit: int
    pending: list[Line] = field(default_factory=list)
    _again: deque[Line] = field(default_factory=deque)
    _size: int = 0

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self.lines)
        while not line.starts:  # the rest of a line that was too long
            line = next(self.lines)
        self.pending.append(line)
        self._size += len(line.text)
        if self._size > self.limit or (not line.ends and len(line.text) >= self.limit):
            raise _TooLong
        return line.text

    def begin(self) -> None:
        self.pending, self._size = [], 0

    def back_up(self) -> None:
        """All lines of the record but its first will come again."""
        self._again.extendleft(reversed(self.pending[1:]))
        del self.pending[1:]


def sniff(file: BinaryIO, encoding: Encoding, *, prefer_tab: bool) -> Dialect:
    """The delimiter that parts the header and most rows alike; none of them when there is only one column."""
    with decoded(file, encoding) as text:
        sample = _whole_lines(text.read(_SAMPLE_CHARACTERS))
    skip, said = _separator_line(sample)
    if said is not None:
        return Dialect(said, skip)
    if prefer_tab and any("\t" in line for line in sample[:1]):
        return Dialect("\t")
    best = max(DELIMITERS, key=lambda delimiter: fit(sample, delimiter))
    return Dialect(best if fit(sample, best) > UNFIT else _NO_DELIMITER)


def read_header(file: BinaryIO, encoding: Encoding, dialect: Dialect, limits: Limits) -> list[str]:
    """The column names; an empty one becomes `column_<n>`, a repeated one gets `_2`, `_3`…"""
    with decoded(file, encoding) as text:
        header = next(_filled_records(text, dialect, limits), None)
    if header is None:
        raise InputUnusable("there is no header: every line is blank")
    fault = header.fault or unreadable(header.text, encoding)
    if fault is not None:
        raise InputUnusable(f"line {header.line}: the header cannot be read: {fault}")
    return unique_names(header.fields)


def read_delimited(file: BinaryIO, encoding: Encoding, dialect: Dialect, header: list[str], limits: Limits) -> Rows:
    """All rows behind the header; raises `InputUnusable` when there is none."""
    number = 0
    with decoded(file, encoding) as text:
        records = islice(_filled_records(text, dialect, limits), 1, None)
        for number, record in enumerate(records, start=1):
            fault = record.fault or _fault(record, header, encoding)
            if fault is not None:
                yield BadRow(number, fault, cut(record.text), record.line)
            else:
                data = dict(zip(header, record.fields, strict=True))
                yield Row(number, data, len(record.text), record.line)
    if number == 0:
        raise InputUnusable(f"a header ({', '.join(header)}) and no rows")


def _filled_records(text: TextIO, dialect: Dialect, limits: Limits) -> Iterator[_Record]:
    """All records that are not blank lines, the header first."""
    # A field may be as long as a row; the module's own limit is 128 KiB and process-wide.
    csv.field_size_limit(max(csv.field_size_limit(), limits.row_bytes))
    feed = _Feed(islice(pieces(text, limits.row_bytes), dialect.skip, None), limits.row_bytes)
    reader = csv.reader(feed, delimiter=dialect.delimiter, strict=True)
    while True:
        feed.begin()
        fields, fault = [], None
        try:
            fields = next(reader)
        except StopIteration:
            return
        except _TooLong:
            fault = f"longer than {limits.row_bytes} bytes"
        except csv.Error as error:
            fault = _plain(error, limits)
        if fault is not None:
            feed.back_up()
        if fields or fault is not None:
            first = feed.pending[0]
            whole = first.text if len(feed.pending) == 1 else "".join(line.text for line in feed.pending)
            yield _Record(fields, fault, first.number, whole)


def _fault(record: _Record, header: list[str], encoding: Encoding) -> str | None:
    if len(record.fields) != len(header):
        return f"{len(record.fields)} fields where the header has {len(header)}"
    if not any(map(str.strip, record.fields)):
        return "every cell is empty"
    return unreadable(record.text, encoding)


def _plain(error: csv.Error, limits: Limits) -> str:
    text = str(error)
    for sign, plain in _CSV_FAULTS.items():
        if sign in text:
            return plain.format(limit=limits.row_bytes)
    return text


def _whole_lines(text: str) -> list[str]:
    lines = text.splitlines(keepends=True)
    cut_off = len(text) == _SAMPLE_CHARACTERS and len(lines) > 1
    return lines[: min(SAMPLE_LINES, len(lines) - cut_off)]


def _separator_line(sample: list[str]) -> tuple[int, str | None]:
    said = _SEPARATOR_LINE.match(sample[0]) if sample else None
    return (1, said[1]) if said else (0, None)
