"""Parquet: rows with values that JSON can hold."""

import datetime as dt
import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from synthmill.errors import InputUnusable
from synthmill.inputs.extract.rows import BadRow, Limits
from tests.support.extraction import good, read


def parquet(columns: dict[str, Any], row_group_size: int | None = None) -> bytes:
    """A file with these columns."""
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, row_group_size=row_group_size)
    return file.getvalue()


NANOSECONDS = 1_700_000_000_123_456_789

VALUES: list[tuple[pa.Array, object]] = [
    (pa.array([5]), 5),
    (pa.array([2**64 - 1], pa.uint64()), 2**64 - 1),
    (pa.array([1.5]), 1.5),
    (pa.array([float("nan")]), None),
    (pa.array([True]), True),
    (pa.array([None], pa.string()), None),
    (pa.array(["Ü"]).dictionary_encode(), "Ü"),
    (pa.array([Decimal("1.50")]), "1.50"),
    (pa.array([b"text"]), "text"),
    (pa.array([b"\xff\x00"]), "/wA="),
    (pa.array([dt.date(2024, 2, 29)]), "2024-02-29"),
    (pa.array([NANOSECONDS], pa.timestamp("ns")), "2023-11-14T22:13:20.123456"),
    (pa.array([NANOSECONDS], pa.timestamp("ns", "UTC")), "2023-11-14T22:13:20.123456+00:00"),
    (pa.array([1_500_000_001], pa.duration("ns")), "PT1.5S"),
    (pa.array([1_000_000_001], pa.time64("ns")), "00:00:01"),
    (pa.array([[NANOSECONDS]], pa.list_(pa.timestamp("ns"))), ["2023-11-14T22:13:20.123456"]),
    (pa.array([{"at": NANOSECONDS}], pa.struct({"at": pa.timestamp("ns")})), {"at": "2023-11-14T22:13:20.123456"}),
    (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())), {"k": 1}),
]


@pytest.mark.parametrize(("array", "wanted"), VALUES, ids=lambda value: str(getattr(value, "type", "")))
def test_a_value_becomes_what_json_can_hold(array: pa.Array, wanted: object) -> None:
    assert good(parquet({"value": array}), "x.parquet") == [{"value": wanted}]


def test_the_content_tells_even_under_another_name() -> None:
    assert good(parquet({"a": [1, 2]}), "upload.bin") == [{"a": 1}, {"a": 2}]


def test_rows_are_numbered_across_row_groups_and_batches() -> None:
    data = parquet({"a": list(range(1_000))}, row_group_size=300)
    rows = read(data, "x.parquet", limits=Limits(batch_rows=70))
    assert [row.number for row in rows] == list(range(1, 1_001))


def test_a_row_that_is_too_long_or_not_finite_is_bad() -> None:
    data = parquet({"a": ["x" * 5_000, "y", "z"], "b": [1.0, float("inf"), 2.0]})
    rows = read(data, "x.parquet", limits=Limits(row_bytes=2_000))
    assert [(row.number, row.reason) for row in rows if isinstance(row, BadRow)] == [
        (1, "longer than 2000 bytes"),
        (2, "a number that is not finite"),
    ]


def test_a_damaged_file_and_one_without_rows_are_refused() -> None:
    whole = parquet({"a": list(range(10_000))})
    damaged = whole[:100] + bytes(1_000) + whole[1_100:]
    for data, said in ((damaged, "damaged"), (b"PAR1" + whole[-200:], "damaged"), (parquet({"a": []}), "without rows")):
        with pytest.raises(InputUnusable, match=said):
            read(data, "x.parquet")
