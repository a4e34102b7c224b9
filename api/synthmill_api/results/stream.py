"""Exports as a stream of text: the same lines as the files that a job writes, without the files."""

import csv
import io
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from enum import StrEnum

from synthmill.ports.records import Document

_BATCH = 500  # records a chunk: a few hundred kilobytes


class Format(StrEnum):
    """What can be streamed."""

    JSONL = "jsonl"
    CSV = "csv"


MEDIA_TYPES = {Format.JSONL: "application/x-ndjson", Format.CSV: "text/csv; charset=utf-8"}

_Lines = Callable[[Sequence[Document]], str]


async def encoded(
    records: AsyncIterator[Document], format_: Format, columns: Sequence[str]
) -> AsyncGenerator[bytes, None]:
    """The export, chunk by chunk; a CSV's header comes with the first records, so that it promises none in vain."""
    lines = _jsonl if format_ is Format.JSONL else _csv(columns)
    text = "" if format_ is Format.JSONL else _header(columns)
    batch: list[Document] = []
    async for record in records:
        batch.append(record)
        if len(batch) == _BATCH:
            yield (text + lines(batch)).encode("utf-8", "replace")
            batch, text = [], ""
    if batch or text:
        yield (text + lines(batch)).encode("utf-8", "replace")


def _jsonl(batch: Sequence[Document]) -> str:
    rows = ({**record["data"], "_record_id": record["record_id"]} for record in batch)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _csv(columns: Sequence[str]) -> _Lines:
    from synthmill.jobs.export.formats import formula_safe  # with pyarrow, 40 MB that few processes need

    def lines(batch: Sequence[Document]) -> str:
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        for record in batch:
            cells = [formula_safe(record["data"].get(name)) for name in columns]
            writer.writerow([*cells, record["record_id"]])
        return text.getvalue()

    return lines


def _header(columns: Sequence[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerow([*columns, "_record_id"])
    return text.getvalue()
