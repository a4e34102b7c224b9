"""JSON documents as a stream: an array of objects, an object that holds one such array, or one object.

A document is one thing: where its syntax breaks, the whole source is refused, with the place. Only rows that are well
formed and still not usable (not an object, too long, too deep) are bad rows.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Protocol, TextIO

import ijson  # type: ignore[import-untyped]  # it ships no types

from synthmill.errors import InputUnusable
from synthmill.inputs.encoding import UTF_8, Encoding
from synthmill.inputs.extract.json_values import Event, ValueBuilder, json_kind
from synthmill.inputs.extract.lines import decoded
from synthmill.inputs.extract.rows import BadRow, Limits, Row, Rows, UnstorableValue, cut, json_size

_BLOCK_BYTES = 1 << 16

# Python refuses to read longer integers, and the parser's C code does not notice that it did.
_MOST_DIGITS = 4_300
_GIANT_NUMBER = re.compile(rb"[\s\[:,-]\d{%d}" % (_MOST_DIGITS + 1))


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(slots=True)
class _Reencoded:
    """Text as UTF-8 bytes, which is what the parser reads."""

    text: TextIO

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes: a character has four at most."""
        try:
            return self.text.read(size // 4).encode()
        except UnicodeEncodeError as error:
            raise InputUnusable("bytes that do not belong to its encoding") from error


@dataclass(slots=True)
class _Guarded:
    """Stops at what the parser cannot take: a single value over the limit, which it would hold, or a giant number."""

    file: _Readable
    limit: int
    silent: int = 0
    _tail: bytes = b""

    def read(self, size: int, /) -> bytes:
        """Bytes; `silent` counts those since the parser last said something."""
        if self.silent > self.limit + _BLOCK_BYTES:
            raise InputUnusable(f"a single value is longer than {self.limit} bytes")
        data = self.file.read(size)
        if _GIANT_NUMBER.search(self._tail + data):
            raise InputUnusable(f"a number of more than {_MOST_DIGITS} digits")
        self.silent += len(data)
        self._tail = data[-_MOST_DIGITS - 1 :]
        return data


def read_document(file: BinaryIO, encoding: Encoding, limits: Limits) -> Rows:
    """A row for each object; raises `InputUnusable` for another shape, broken JSON, or no object at all."""
    number = 0
    try:
        for number, builder in enumerate(_values(file, encoding, limits), start=1):
            yield _row(number, builder)
    except ijson.JSONError as error:
        raise InputUnusable(f"broken JSON after {number} rows: {_first_line(error)}") from error
    if number == 0:
        raise InputUnusable("an empty array: there are no rows")


def _row(number: int, builder: ValueBuilder) -> Row | BadRow:
    value = builder.value
    if builder.fault is not None:
        return BadRow(number, builder.fault, "")
    if not isinstance(value, dict):
        return BadRow(number, f"{json_kind(value)} where an object is expected", cut(value))
    try:
        return Row(number, value, json_size(value))
    except UnstorableValue as error:
        return BadRow(number, str(error), cut(value))


def _values(file: BinaryIO, encoding: Encoding, limits: Limits) -> Iterator[ValueBuilder]:
    """The document's rows, whatever its shape; an object is read once to learn its shape, then again."""
    with _opened(file, encoding) as source:
        events = _events(source, limits)
        match next(events)[0]:
            case "start_array":
                yield from _items(events, limits)
                return
            case "start_map":
                key = _rows_key(events)
            case _:
                raise InputUnusable("a single value where an array of objects or an object is expected")
    with _opened(file, encoding) as source:
        events = _events(source, limits)
        if key is None:
            yield from _whole(events, limits)
        else:
            _skip_to(events, key)
            yield from _items(events, limits)


def _items(events: Iterator[Event], limits: Limits) -> Iterator[ValueBuilder]:
    """The items of the array that was just opened; reads on to the end, for what follows must be JSON too."""
    builder = ValueBuilder(limits.row_bytes)
    for event, value in events:
        if event == "end_array" and not builder.inside:
            break
        if builder.add(event, value):
            yield builder
            builder.begin()
    for _ in events:
        pass


def _whole(events: Iterator[Event], limits: Limits) -> Iterator[ValueBuilder]:
    builder = ValueBuilder(limits.row_bytes)
    if [builder.add(event, value) for event, value in events][-1]:
        yield builder


def _rows_key(events: Iterator[Event]) -> str | None:
    """The one member of the top-level object that is an array of objects; None when there is none."""
    keys: list[str] = []
    before = ""
    for depth, key, event in _walk(events):
        if depth == 2 and event == "start_map" and before == "start_array":
            keys.append(key)
        before = event
    if len(keys) > 1:
        raise InputUnusable(
            f"an object with {len(keys)} arrays of objects ({', '.join(keys)}): keep the one to be read"
        )
    return keys[0] if keys else None


def _skip_to(events: Iterator[Event], wanted: str) -> None:
    next(events)
    for depth, key, event in _walk(events):
        if depth == 1 and key == wanted and event == "start_array":
            return


def _walk(events: Iterator[Event]) -> Iterator[tuple[int, str, str]]:
    """Each event inside the top-level object, with the depth at which it stands and the top-level key above it."""
    depth, key = 1, ""
    for event, value in events:
        if event.startswith("end"):
            depth -= 1
        if depth == 1 and event == "map_key":
            key = str(value)
        yield depth, key, event
        if event.startswith("start"):
            depth += 1


@contextmanager
def _opened(file: BinaryIO, encoding: Encoding) -> Iterator[_Readable]:
    if encoding.name == UTF_8.name:
        file.seek(encoding.mark)
        yield file
        return
    with decoded(file, encoding) as text:
        yield _Reencoded(text)


def _events(source: _Readable, limits: Limits) -> Iterator[Event]:
    guarded = _Guarded(source, limits.row_bytes)
    for event in ijson.basic_parse(guarded, buf_size=_BLOCK_BYTES):
        guarded.silent = 0
        yield event


def _first_line(error: Exception) -> str:
    text = error.args[0] if error.args else ""
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return plain.strip().partition("\n")[0]
