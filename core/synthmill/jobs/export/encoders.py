"""Records as bytes, a batch at a time: JSON lines, CSV, and lineage. Parquet has a module of its own."""

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence

from synthmill.ports.records import Document
from synthmill.recipes.compiled import CompiledRecipe
from synthmill_schemas.base import JsonObject

RECORD_ID = "_record_id"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


class Encoder(ABC):
    """Accepted slot documents to the bytes of one file, in the order in which they are given."""

    def __init__(self, compiled: CompiledRecipe) -> None:
        self.columns = list(compiled.output)

    def begin(self) -> bytes:
        """What stands before the first record."""
        return b""

    @abstractmethod
    def encode(self, batch: Sequence[Document]) -> bytes:
        """What these records add; an encoder may keep some back."""

    def end(self) -> bytes:
        """What stands behind the last record."""
        return b""


class JsonlEncoder(Encoder):
    """One record a line, as the model and the samplers made it."""

    def encode(self, batch: Sequence[Document]) -> bytes:
        """One line per record."""
        return _lines({**row["data"], RECORD_ID: row["record_id"]} for row in batch)


class LineageEncoder(Encoder):
    """One line a record: where it came from and what it cost."""

    _fields = ("record_id", "slot", "seed_id", "lineage", "attributes", "content_hash", "provenance")

    def encode(self, batch: Sequence[Document]) -> bytes:
        """One line per record."""
        return _lines({name: row[name] for name in self._fields} for row in batch)


class ChatEncoder(Encoder):
    """One training example a line, with the format's own fields and no other: trainers refuse what they do not know."""

    def __init__(self, compiled: CompiledRecipe, example: Callable[[JsonObject], JsonObject]) -> None:
        super().__init__(compiled)
        self._example = example

    def encode(self, batch: Sequence[Document]) -> bytes:
        """One line per record."""
        return _lines(self._example(row["data"]) for row in batch)


class CsvEncoder(Encoder):
    """RFC 4180; text that a spreadsheet would run as a formula starts with an apostrophe."""

    def __init__(self, compiled: CompiledRecipe, *, header: bool = True) -> None:
        super().__init__(compiled)
        self._header = header

    def begin(self) -> bytes:
        """The header, unless the file goes on where another ended."""
        return _rows([[*self.columns, RECORD_ID]]) if self._header else b""

    def encode(self, batch: Sequence[Document]) -> bytes:
        """One row per record."""
        return _rows(
            [*(formula_safe(row["data"].get(name)) for name in self.columns), row["record_id"]] for row in batch
        )


def formula_safe(value: object) -> object:
    """A cell for `value`; only text can start a formula, numbers stay numbers."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return value
        case str():
            return f"'{value}" if value.startswith(_FORMULA_STARTS) else value
        case _:
            return json.dumps(value, ensure_ascii=False)


def _lines(rows: Iterable[Document]) -> bytes:
    return _encoded("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _rows(rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return _encoded(text.getvalue())


def _encoded(text: str) -> bytes:
    """Half of a surrogate pair, which a model can write as an escape, has no bytes in UTF-8."""
    return text.encode("utf-8", "replace")
