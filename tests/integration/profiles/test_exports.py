"""Exports: a file of all records, written by the worker, fetched by whoever has its URL, gone after a day."""

import asyncio
import csv
import gzip
import hashlib
import io
import json
import urllib.request
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from synthmill.errors import JobMissing
from synthmill.jobs.export.chat import CHAT_FORMATS
from synthmill.jobs.export.formats import Form
from synthmill.jobs.export.requests import change_export, get_export, request_export
from synthmill.jobs.export.writing import Written, fail_export, write_export
from synthmill.jobs.files import export_prefix
from synthmill.jobs.lease import LeaseTaken
from synthmill.ports.broker import Message, Queue
from synthmill.services import Services
from synthmill_schemas.base import now
from synthmill_schemas.file_export import ChatColumns, Compression, ExportDocument, ExportFormat, ExportState, Part
from synthmill_schemas.job import Lease
from tests.support.jobs import accepted
from tests.support.made import made_job, poems, put_slots
from tests.support.messages import drained
from tests.support.uploads import worked

JOB = "job-1"
PLAIN = Form(ExportFormat.JSONL)


async def asked(services: Services, form: Form = PLAIN) -> ExportDocument:
    return await request_export(services, services.settings.tenant, JOB, form)


async def written(services: Services, form: Form = PLAIN) -> ExportDocument:
    """An export that a worker has written."""
    export = await asked(services, form)
    await worked(services)
    return await seen(services, export)


async def seen(services: Services, export: ExportDocument) -> ExportDocument:
    return (await get_export(services.store, export.tenant, export.export_id)).document


async def fetched(services: Services, export: ExportDocument) -> bytes:
    url = await services.objects.presign(export.object_key or "", 60)
    return await asyncio.to_thread(lambda: urllib.request.urlopen(url).read())


async def keys(services: Services) -> list[str]:
    return [stored.key async for stored in services.objects.list("tmp/")]


FORMS = [*zip(ExportFormat, [*Compression] * 3, strict=False)]  # each format and each packing, not each pair


@pytest.mark.parametrize(("format_", "compression"), FORMS)
async def test_every_format_holds_all_records_in_the_order_of_their_slots(
    services: Services, format_: ExportFormat, compression: Compression
) -> None:
    await made_job(services, poems(1_203))
    export = await written(services, Form(format_, compression, ChatColumns(instruction="colour", output="poem")))
    data = await fetched(services, export)
    assert (export.state, export.records, export.size) == (ExportState.DONE, 1_203, len(data))
    assert export.sha256 == hashlib.sha256(data).hexdigest()
    assert (export.expires_at or now()) > now() + timedelta(hours=23)
    if compression is Compression.GZIP:
        data = gzip.decompress(data)
    if compression is Compression.ZSTD:
        data = pa.CompressedInputStream(pa.BufferReader(data), "zstd").read()
    if format_ in CHAT_FORMATS:
        assert [poem_of(format_, json.loads(line)) for line in data.splitlines()] == [p["poem"] for p in poems(1_203)]
        return
    assert record_ids(format_, data) == [f"{JOB}-{slot}" for slot in range(1_203)]


def poem_of(format_: ExportFormat, example: dict[str, Any]) -> object:
    match format_:
        case ExportFormat.ALPACA:
            return example["output"]
        case ExportFormat.SHAREGPT:
            return example["conversations"][1]["value"]
        case _:
            return example["messages"][1]["content"]


def record_ids(format_: ExportFormat, data: bytes) -> list[str]:
    match format_:
        case ExportFormat.CSV:
            return [row["_record_id"] for row in csv.DictReader(io.StringIO(data.decode(), newline=""))]
        case ExportFormat.PARQUET:
            return [str(row["_record_id"]) for row in pq.read_table(io.BytesIO(data)).to_pylist()]
        case ExportFormat.ARROW:
            return [str(row["_record_id"]) for row in pa.ipc.open_stream(data).read_all().to_pylist()]
        case ExportFormat.LINEAGE:
            return [json.loads(line)["record_id"] for line in data.splitlines()]
        case _:
            return [json.loads(line)["_record_id"] for line in data.splitlines()]


async def test_a_part_of_the_records_is_a_file_of_its_own(services: Services) -> None:
    await made_job(services, poems(40))
    forms = [Form(ExportFormat.JSONL, part=part, test_share=0.5, filters=("colour=red",)) for part in Part]
    exports = [await written(services, form) for form in forms]
    assert [export.file_name for export in exports] == ["colours.train.jsonl", "colours.test.jsonl"]
    parts = [set(record_ids(export.format, await fetched(services, export))) for export in exports]
    assert set.union(*parts) == {f"{JOB}-{slot}" for slot in range(1, 40, 2)}
    assert parts[0].isdisjoint(parts[1])
    assert [export.records for export in exports] == [len(part) for part in parts]


async def test_asking_again_is_the_same_export_until_there_are_more_records(services: Services) -> None:
    await made_job(services, poems(3), records=4)
    first = await written(services)
    assert await asked(services) == first
    assert (await services.broker.depth(Queue.EXPORTS)).ready == 0
    await put_slots(services, accepted(JOB, 3, tenant=services.settings.tenant))
    second = await written(services)
    assert second.export_id != first.export_id
    assert second.records == 4


async def test_twenty_who_ask_at_once_get_one_file(services: Services) -> None:
    await made_job(services, poems(3))
    exports = await asyncio.gather(*(asked(services) for _ in range(20)))
    assert len({export.export_id for export in exports}) == 1
    await worked(services)
    assert len(await keys(services)) == 1


async def test_an_export_whose_file_is_gone_is_written_anew(services: Services) -> None:
    await made_job(services, poems(3))
    export = await written(services)
    await services.objects.delete_prefix("tmp/")
    again = await written(services)
    assert again.export_id == export.export_id
    assert again.object_key != export.object_key
    assert len(await fetched(services, again)) == export.size


async def test_an_export_that_failed_is_tried_again_when_asked_for(services: Services) -> None:
    await made_job(services, poems(3))
    export = await asked(services)
    await fail_export(services, export.tenant, export.export_id, "no luck")
    await worked(services)
    failed = await seen(services, export)
    assert (failed.state, failed.reason) == (ExportState.FAILED, "no luck")
    assert (await written(services)).state is ExportState.DONE


async def test_a_file_of_no_job_is_refused(services: Services) -> None:
    with pytest.raises(JobMissing, match="no job 'job-1'"):
        await asked(services)


async def test_one_writes_at_a_time(services: Services) -> None:
    await made_job(services, poems(3))
    export = await asked(services)
    await held_by(services, export, "somebody", timedelta(minutes=1))
    with pytest.raises(LeaseTaken, match="somebody"):
        await write_export(services, export.tenant, export.export_id)


async def held_by(services: Services, export: ExportDocument, owner: str, lasts: timedelta) -> ExportDocument:
    """The export as a writer has it that began a minute ago."""
    lease = Lease(owner=owner, expires_at=now() + lasts)
    key = f"{export_prefix(export.tenant, JOB, export.export_id)}dead/{export.file_name}"
    changes = {"state": ExportState.WRITING, "lease": lease, "object_key": key}
    return await change_export(services.store, export.tenant, export.export_id, lambda _: changes)


async def test_what_a_dead_writer_left_goes_when_another_takes_over(services: Services) -> None:
    await made_job(services, poems(3))
    export = await asked(services)
    held = await held_by(services, export, "dead", -timedelta(seconds=1))

    async def half() -> AsyncIterator[bytes]:
        yield b"half"

    await services.objects.put(held.object_key or "", half())
    assert await write_export(services, export.tenant, export.export_id) is Written.DONE
    done = await seen(services, export)
    assert await keys(services) == [done.object_key]


async def test_a_writer_whose_export_was_decided_meanwhile_leaves_no_file(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made_job(services, poems(3))
    export = await asked(services)
    put = services.objects.put

    async def slowly(key: str, chunks: AsyncIterator[bytes], *, sha256: str | None = None) -> object:
        stored = await put(key, chunks, sha256=sha256)
        await fail_export(services, export.tenant, export.export_id, "somebody ended it")
        return stored

    monkeypatch.setattr(services.objects, "put", slowly)
    assert await write_export(services, export.tenant, export.export_id) is Written.BEFORE
    assert (await seen(services, export)).state is ExportState.FAILED
    assert await keys(services) == []


async def test_a_message_that_is_no_export_is_kept_as_a_dead_letter(services: Services) -> None:
    await services.broker.publish(Queue.EXPORTS, [Message("m1", b"{", {})])
    await worked(services)
    assert await drained(services.broker, Queue.EXPORTS_DEAD) == []
