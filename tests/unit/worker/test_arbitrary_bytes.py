"""Whatever bytes come under whatever name: they are read, or refused in words; nothing else happens."""

import io
import json
from functools import cache

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from synthmill.errors import InputUnusable
from synthmill.inputs.extract.rows import Limits, Row, json_size
from synthmill_schemas.recipe import Chunking
from tests.support.extraction import read

NAMES = [f"x.{suffix}" for suffix in ("csv", "tsv", "json", "jsonl", "parquet", "txt", "md", "pdf", "")]


@cache
def samples() -> list[bytes]:
    """One small file of each kind."""
    rows = [{"sku": f"S-{n}", "title": "naïve\nlamp", "tags": [{"b": n}]} for n in range(20)]
    parquet = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), parquet)
    return [
        b'sku;title\n1;"lamp\n2"\n' * 5,
        json.dumps({"meta": 1, "rows": rows}).encode(),
        json.dumps(rows, ensure_ascii=False).encode("utf-16"),
        b"\n".join(json.dumps(row).encode() for row in rows),
        "# Pump\n\nÉs pumpt.\n\n- a\n- b\n\n```\nx\n```\n".encode() * 5,
        parquet.getvalue(),
    ]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file of some kind with bytes cut out, put in, or changed."""
    data = draw(st.sampled_from(samples()))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        gone = draw(st.sampled_from([0, 1, 4, 50]))
        data = data[:at] + draw(st.binary(max_size=6)) + data[at + gone :]
    return data


@settings(max_examples=300)
@given(data=st.binary(max_size=400) | damaged(), name=st.sampled_from(NAMES))
def test_any_file_is_read_or_refused(data: bytes, name: str) -> None:
    try:
        rows = read(data, name, limits=Limits(row_bytes=1_024, batch_rows=7), chunking=Chunking(size=100))
    except InputUnusable:
        return
    assert rows
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    for row in rows:
        if isinstance(row, Row):
            json_size(row.data)  # raises for what no store could keep
        else:
            assert row.reason
            row.raw.encode()
