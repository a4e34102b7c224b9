"""One class per file format; each writes beside its final name and is renamed when whole."""

import csv
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, ClassVar, Literal, Self

import pyarrow as pa
import pyarrow.parquet as pq

from synthmill.recipes.compiled import CompiledRecipe
from synthmill_schemas.job import Outputs

RECORD_ID = "_record_id"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_ARROW_TYPES = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}

SlotRow = dict[str, Any]


class RecordFile(ABC):
    """A file being written; `records` so far."""

    format: ClassVar[Literal["jsonl", "parquet", "csv"]]

    def __init__(self, path: Path, compiled: CompiledRecipe) -> None:
        self.path = path
        self.columns = list(compiled.output)
        self.properties: dict[str, Any] = compiled.record_schema["properties"]
        self.records = 0
        self._partial = path.with_name(f".{path.name}.partial")

    @abstractmethod
    def append(self, batch: Sequence[SlotRow]) -> None:
        """Adds accepted slot documents, in order."""

    @abstractmethod
    def __enter__(self) -> Self:
        """Opens the partial file."""

    @abstractmethod
    def _close(self) -> None:
        """Writes what is buffered and closes."""

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._close()
        if kind is not None:
            self._partial.unlink(missing_ok=True)

    def commit(self) -> Outputs:
        """Gives the finished file its name."""
        self._partial.replace(self.path)
        path = self.path.resolve()
        return Outputs(format=self.format, path=str(path), records=self.records, size=path.stat().st_size)


class _TextFile(RecordFile):
    _file: IO[str]

    def __enter__(self) -> Self:
        self._file = self._partial.open("w", encoding="utf-8", newline="")
        return self

    def _close(self) -> None:
        self._file.close()


class JsonlFile(_TextFile):
    """One record a line, as the model and the samplers made it."""

    format = "jsonl"

    def append(self, batch: Sequence[SlotRow]) -> None:
        """Adds one line per record."""
        for row in batch:
            self._file.write(json.dumps({**row["data"], RECORD_ID: row["record_id"]}, ensure_ascii=False) + "\n")
        self.records += len(batch)


class LineageFile(_TextFile):
    """One line a record: where it came from and what it cost."""

    format = "jsonl"
    _fields = ("record_id", "slot", "seed_id", "lineage", "attributes", "content_hash", "provenance")

    def append(self, batch: Sequence[SlotRow]) -> None:
        """Adds one line per record."""
        for row in batch:
            self._file.write(json.dumps({name: row[name] for name in self._fields}, ensure_ascii=False) + "\n")
        self.records += len(batch)


class CsvFile(_TextFile):
    """RFC 4180; text that a spreadsheet would run as a formula starts with an apostrophe."""

    format = "csv"

    def __enter__(self) -> Self:
        super().__enter__()
        self._writer = csv.writer(self._file)
        self._writer.writerow([*self.columns, RECORD_ID])
        return self

    def append(self, batch: Sequence[SlotRow]) -> None:
        """Adds one row per record."""
        for row in batch:
            self._writer.writerow([*(formula_safe(row["data"].get(name)) for name in self.columns), row["record_id"]])
        self.records += len(batch)


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


class ParquetFile(RecordFile):
    """Typed columns from the record's schema; objects and mixed values as JSON text."""

    format = "parquet"

    def __enter__(self) -> Self:
        fields = [pa.field(name, arrow_type(self.properties[name])) for name in self.columns]
        self._schema = pa.schema([*fields, pa.field(RECORD_ID, pa.string())])
        self._writer = pq.ParquetWriter(self._partial, self._schema, compression="zstd")
        return self

    def append(self, batch: Sequence[SlotRow]) -> None:
        """Adds one row group."""
        if not batch:
            return
        arrays = [self._column(batch, name) for name in self.columns]
        arrays.append(pa.array([row["record_id"] for row in batch], pa.string()))
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self.records += len(batch)

    def _column(self, batch: Sequence[SlotRow], name: str) -> pa.Array:
        type_ = self._schema.field(name).type
        values = [row["data"].get(name) for row in batch]
        if pa.types.is_string(type_):
            values = [v if v is None or isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values]
        return pa.array(values, type_)

    def _close(self) -> None:
        self._writer.close()


def arrow_type(schema: dict[str, Any]) -> pa.DataType:
    """The column type for values of a JSON Schema; text where they have no common one."""
    kinds = _kinds(schema)
    if kinds == {"array"}:
        item = _kinds(schema.get("items", {}))
        return pa.list_(_scalar(item)) if len(item) == 1 and item <= set(_ARROW_TYPES) else pa.string()
    return _scalar(kinds)


def _scalar(kinds: set[str]) -> pa.DataType:
    if kinds == {"integer", "number"}:
        return pa.float64()
    return _ARROW_TYPES.get(next(iter(kinds)), pa.string()) if len(kinds) == 1 else pa.string()


def _kinds(schema: dict[str, Any]) -> set[str]:
    """The JSON types that a schema allows, null aside."""
    declared = schema.get("type")
    if declared is None and "enum" in schema:
        return {_kind(value) for value in schema["enum"]} - {"null"}
    names = [declared] if isinstance(declared, str) else declared or []
    return set(names) - {"null"}


def _kind(value: object) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
    return names.get(type(value), "object")
