"""What readers yield: a good row, or a bad one with the reason. Rows count from 1, lines from 1, characters from 0."""

import json
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from synthmill_schemas.base import JsonObject

RAW_LIMIT = 20_000
"""Characters of a bad row that its reject keeps."""

MAX_DEPTH = 64
"""Nesting of JSON values; deeper ones are mistakes or attacks, and recursive code would fail on them."""

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Row:
    """A unit of a source. `number`: data row or chunk; `size`: about how many bytes its data holds."""

    number: int
    data: JsonObject
    size: int
    line: int | None = None
    span: tuple[int, int] | None = None
    headings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BadRow:
    """A unit that cannot be used: why, and how it came (`raw`, cut at `RAW_LIMIT` characters)."""

    number: int
    reason: str
    raw: str
    line: int | None = None


Rows = Generator[Row | BadRow, None, None]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a reader holds at a time: bytes of one row, rows of one batch."""

    row_bytes: int = 1 << 20
    batch_rows: int = 500


class UnstorableValue(ValueError):
    """A value that no store could give back; the text says which."""


def json_size(data: object) -> int:
    """Bytes of `data` as JSON; raises `UnstorableValue` for what JSON in UTF-8 cannot hold, or what nests too deep."""
    try:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise UnstorableValue("half of a surrogate pair, which is no character") from error
    except RecursionError as error:
        raise UnstorableValue(f"nested deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:
        raise UnstorableValue("a number that is not finite") from error
    # Counting brackets is free beside dumping; only the rare row with many of them is walked.
    if text.count("{") + text.count("[") > MAX_DEPTH and _depth(data) > MAX_DEPTH:
        raise UnstorableValue(f"nested deeper than {MAX_DEPTH} levels")
    return size


def _depth(data: object) -> int:
    deepest, stack = 0, [(data, 1)]
    while stack:
        value, depth = stack.pop()
        if isinstance(value, dict | list):
            deepest = max(deepest, depth)
            inner = value.values() if isinstance(value, dict) else value
            stack.extend((item, depth + 1) for item in inner)
    return deepest


def unique_names(cells: Sequence[str]) -> list[str]:
    """Column names: an empty one becomes `column_<n>`, a repeated one gets `_2`, `_3`…"""
    stripped = [cell.strip() or f"column_{position}" for position, cell in enumerate(cells, start=1)]
    names: list[str] = []
    for base in stripped:
        name, repeat = base, 1
        while name in names or (repeat > 1 and name in stripped):
            repeat += 1
            name = f"{base}_{repeat}"
        names.append(name)
    return names


def cut(raw: object) -> str:
    """How a bad row is shown: its text, what is no character as U+FFFD, cut at `RAW_LIMIT` characters."""
    text = raw if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False, default=str)
    return _SURROGATE.sub("\ufffd", text[:RAW_LIMIT])
