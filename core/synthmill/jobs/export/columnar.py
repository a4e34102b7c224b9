"""Records as Parquet and Arrow, and zstd; with the extraction the only module that names pyarrow, which takes 40 MB."""

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from synthmill.jobs.export.encoders import RECORD_ID, Encoder
from synthmill.ports.records import Document
from synthmill.recipes.compiled import CompiledRecipe

ROW_GROUP = 16_384
"""Records at least in a row group: a few megabytes in memory."""

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


class _TableEncoder(Encoder):
    """Typed columns from the record's schema; objects and mixed values as JSON text."""

    def __init__(self, compiled: CompiledRecipe) -> None:
        super().__init__(compiled)
        properties = compiled.record_schema["properties"]
        fields = [pa.field(name, arrow_type(properties[name])) for name in self.columns]
        self._schema = pa.schema([*fields, pa.field(RECORD_ID, pa.string())])
        self._sink = _Sink()

    def _rows(self, batch: Sequence[Document]) -> pa.RecordBatch:
        arrays = [self._column(batch, name) for name in self.columns]
        arrays.append(pa.array([row["record_id"] for row in batch], pa.string()))
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _column(self, batch: Sequence[Document], name: str) -> pa.Array:
        type_ = self._schema.field(name).type
        values = [row["data"].get(name) for row in batch]
        if pa.types.is_string(type_):
            values = [v if v is None or isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values]
        return pa.array(values, type_)


class ParquetEncoder(_TableEncoder):
    """A Parquet file; a row group has many batches, as each costs the reader, and the footer, its own entry."""

    def __init__(self, compiled: CompiledRecipe) -> None:
        super().__init__(compiled)
        self._writer = pq.ParquetWriter(self._sink, self._schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []

    def encode(self, batch: Sequence[Document]) -> bytes:
        """What is complete of the file; up to a row group is kept back."""
        if batch:
            self._waiting.append(self._rows(batch))
        if sum(rows.num_rows for rows in self._waiting) >= ROW_GROUP:
            self._write()
        return self._sink.taken()

    def end(self) -> bytes:
        """The last row group and the footer."""
        self._write()
        self._writer.close()
        return self._sink.taken()

    def _write(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting), row_group_size=2 * ROW_GROUP)
            self._waiting.clear()


class ArrowEncoder(_TableEncoder):
    """An Arrow IPC stream, which a reader can begin before its end; a record batch a batch."""

    def __init__(self, compiled: CompiledRecipe) -> None:
        super().__init__(compiled)
        self._writer = pa.ipc.new_stream(self._sink, self._schema)

    def encode(self, batch: Sequence[Document]) -> bytes:
        """One record batch."""
        if batch:
            self._writer.write_batch(self._rows(batch))
        return self._sink.taken()

    def end(self) -> bytes:
        """The mark of the end."""
        self._writer.close()
        return self._sink.taken()


class ZstdPacker:
    """A zstd frame, piece by piece."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._stream = pa.CompressedOutputStream(pa.PythonFile(self._sink, mode="w"), "zstd")

    def compress(self, data: bytes, /) -> bytes:
        """What is ready of it."""
        self._stream.write(data)
        return self._sink.taken()

    def flush(self) -> bytes:
        """The rest."""
        self._stream.close()
        return self._sink.taken()


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
