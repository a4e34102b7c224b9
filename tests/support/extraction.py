"""Reads bytes as a source, the way the worker does."""

import io

from synthmill.inputs.extract.extract import extract
from synthmill.inputs.extract.rows import BadRow, Limits, Row
from synthmill.inputs.extract.survey import survey
from synthmill_schemas.recipe import Chunking


def read(
    data: bytes, name: str, *, limits: Limits | None = None, chunking: Chunking | None = None
) -> list[Row | BadRow]:
    """All that the reader of this source yields."""
    file = io.BytesIO(data)
    return list(extract(file, name, survey(file), limits or Limits(), chunking or Chunking()).rows)


def good(data: bytes, name: str, *, limits: Limits | None = None) -> list[dict[str, object]]:
    """The rows' data; fails when one is bad."""
    rows = read(data, name, limits=limits)
    assert [row for row in rows if isinstance(row, BadRow)] == []
    return [row.data for row in rows if isinstance(row, Row)]
