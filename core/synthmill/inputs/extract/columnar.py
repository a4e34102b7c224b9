"""Parquet: rows batch by batch, only as many at a time as fit into a few megabytes.

Values keep their JSON type; times become ISO 8601 text (to the microsecond), decimals and bytes text, NaN null.
"""

import base64
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, BinaryIO

from synthmill.errors import InputUnusable
from synthmill.inputs.extract.rows import BadRow, Limits, Row, Rows, UnstorableValue, cut, json_size, unique_names

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

_BATCH_BYTES = 4 << 20
_BUFFER_BYTES = 1 << 16  # pages are read through a buffer of this size; otherwise the whole column chunk would be


def parquet_columns(file: BinaryIO) -> list[str]:
    """The names of the top-level columns; repeated ones get `_2`, `_3`…"""
    with _readable():
        return unique_names(_open(file).schema_arrow.names)


def read_parquet(file: BinaryIO, limits: Limits) -> Rows:
    """All rows; raises `InputUnusable` for a damaged file, or one without rows."""
    with _readable():
        parquet = _open(file)
        if parquet.metadata.num_rows == 0:
            raise InputUnusable("a Parquet file without rows")
        names = unique_names(parquet.schema_arrow.names)
        number = 0
        for batch in parquet.iter_batches(_batch_rows(parquet, limits), use_threads=False):
            for values in _plain_times(batch).rename_columns(names).to_pylist(maps_as_pydicts="lossy"):
                number += 1
                yield _row(number, {name: _jsonable(value) for name, value in values.items()}, limits)


def _open(file: BinaryIO) -> "ParquetFile":
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile  # 0.3 s

    pa.set_memory_pool(pa.system_memory_pool())  # the default one keeps 40 MiB and more that it no longer uses
    file.seek(0)
    return ParquetFile(file, pre_buffer=False, buffer_size=_BUFFER_BYTES)


@contextmanager
def _readable() -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        # besides its own errors pyarrow lets Python's through: a name that is no UTF-8, a date in the year 12000
        raise InputUnusable(f"a Parquet file that is damaged or cannot be read: {error}") from error


def _batch_rows(parquet: "ParquetFile", limits: Limits) -> int:
    """Rows of the fattest row group that take about `_BATCH_BYTES`."""
    groups = [parquet.metadata.row_group(number) for number in range(parquet.metadata.num_row_groups)]
    fattest = max((group.total_byte_size / group.num_rows for group in groups if group.num_rows), default=1.0)
    return max(1, min(limits.batch_rows, int(_BATCH_BYTES / max(fattest, 1.0))))


def _row(number: int, data: dict[str, object], limits: Limits) -> Row | BadRow:
    try:
        size = json_size(data)
    except UnstorableValue as error:
        return BadRow(number, str(error), cut(data))
    if size > limits.row_bytes:
        return BadRow(number, f"longer than {limits.row_bytes} bytes", cut(data))
    return Row(number, data, size)


def _plain_times(batch: "pa.RecordBatch") -> "pa.RecordBatch":
    """Python's own times end at the microsecond; nanoseconds are cut off."""
    import pyarrow as pa

    columns = []
    for column in batch.columns:
        plain = _in_microseconds(column.type)
        columns.append(column if plain == column.type else column.cast(plain, safe=False))
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _in_microseconds(kind: "pa.DataType") -> "pa.DataType":
    import pyarrow as pa

    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return pa.timestamp("us", kind.tz)
    if pa.types.is_duration(kind) and kind.unit == "ns":
        return pa.duration("us")
    if pa.types.is_time64(kind) and kind.unit == "ns":
        return pa.time64("us")
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_in_microseconds(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([part.with_type(_in_microseconds(part.type)) for part in kind])
    return kind


def _jsonable(value: object) -> object:
    match value:
        case float():
            return None if math.isnan(value) else value
        case str() | int() | None:
            return value
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return f"PT{value.total_seconds():g}S"
        case Decimal():
            return str(value)
        case bytes():
            return _text(value)
        case dict():
            return {str(key): _jsonable(item) for key, item in value.items()}
        case list():
            return [_jsonable(item) for item in value]
        case _:
            return str(value)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()
