"""Records as a Parquet file, a row group a batch; the only module of core that names pyarrow, which takes 40 MB."""

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from synthmill.jobs.export.encoders import RECORD_ID, Encoder
from synthmill.ports.records import Document
from synthmill.recipes.compiled import CompiledRecipe

_ARROW_TYPES = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}


class _Sink:
    """What pyarrow writes into; hands out what was written since the last time."""

    closed = False

    def __init__(self) -> None:
        self._written: list[bytes] = []
        self._position = 0

    def write(self, data: bytes) -> int:
        self._written.append(bytes(data))
        self._position += len(data)
        return len(data)

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self.closed = True

    def taken(self) -> bytes:
        taken = b"".join(self._written)
        self._written.clear()
        return taken


class ParquetEncoder(Encoder):
    """Typed columns from the record's schema; objects and mixed values as JSON text."""

    def __init__(self, compiled: CompiledRecipe) -> None:
        super().__init__(compiled)
        properties = compiled.record_schema["properties"]
        fields = [pa.field(name, arrow_type(properties[name])) for name in self.columns]
        self._schema = pa.schema([*fields, pa.field(RECORD_ID, pa.string())])
        self._sink = _Sink()
        self._writer = pq.ParquetWriter(self._sink, self._schema, compression="zstd")

    def encode(self, batch: Sequence[Document]) -> bytes:
        """One row group."""
        if batch:
            arrays = [self._column(batch, name) for name in self.columns]
            arrays.append(pa.array([row["record_id"] for row in batch], pa.string()))
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        return self._sink.taken()

    def end(self) -> bytes:
        """The footer, with what was buffered."""
        self._writer.close()
        return self._sink.taken()

    def _column(self, batch: Sequence[Document], name: str) -> pa.Array:
        type_ = self._schema.field(name).type
        values = [row["data"].get(name) for row in batch]
        if pa.types.is_string(type_):
            values = [v if v is None or isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values]
        return pa.array(values, type_)


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
