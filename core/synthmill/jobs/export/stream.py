"""A file of records as a stream of bytes, in bounded memory: read, encoded, packed, a batch at a time."""

import asyncio
import re
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from synthmill.errors import UserError
from synthmill.jobs.export.encoders import Encoder
from synthmill.jobs.export.formats import Form
from synthmill.jobs.release.versions import shown_in
from synthmill.ports.records import Collection, Document, Place, Range, RecordStore, Where
from synthmill.recipes.compile import recompile
from synthmill.records.fields import Fields
from synthmill_schemas.file_export import Compression
from synthmill_schemas.job import JobDocument

BATCH = 500  # records; a few hundred kilobytes

_GZIP = 16 + zlib.MAX_WBITS  # with gzip's header, which zlib writes without a time: the same records, the same bytes
_LEVEL = 6


class _Packer(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _Plain:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def _packer(compression: Compression) -> _Packer:
    match compression:
        case Compression.NONE:
            return _Plain()
        case Compression.GZIP:
            return zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        case Compression.ZSTD:
            from synthmill.jobs.export.columnar import ZstdPacker  # pyarrow, which few processes need

            return ZstdPacker()


class FileStream:
    """One file; `records` of it are encoded so far."""

    def __init__(self, documents: AsyncIterator[Document], encoder: Encoder, compression: Compression) -> None:
        self.records = 0
        self._documents = documents
        self._encoder = encoder
        self._packer = _packer(compression)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The bytes, once. The first come with the first records, so that a store that is down breaks no promise."""
        batch: list[Document] = []
        begun = False
        async for document in self._documents:
            batch.append(document)
            if len(batch) == BATCH:
                chunk = await asyncio.to_thread(self._encode, batch, not begun)
                begun, batch = True, []
                if chunk:
                    yield chunk
        last = await asyncio.to_thread(self._end, batch, not begun)
        if last:
            yield last

    def _encode(self, batch: Sequence[Document], first: bool) -> bytes:
        text = (self._encoder.begin() if first else b"") + self._encoder.encode(batch)
        self.records += len(batch)
        return self._packer.compress(text)

    def _end(self, batch: Sequence[Document], first: bool) -> bytes:
        return self._encode(batch, first) + self._packer.compress(self._encoder.end()) + self._packer.flush()


def records_of(job: JobDocument) -> Place:
    """Where the job's records are, with others of its dataset."""
    return Place(job.tenant, Collection.RECORDS, job.dataset)


async def in_order(store: RecordStore, job: JobDocument) -> AsyncIterator[Document]:
    """Every record of the job, once, in the order of the slots."""
    place = records_of(job)
    await store.visible(place)
    async for stored in store.scan(place, {"job_id": job.job_id}, sort="slot"):
        yield stored.document


def file_stream(store: RecordStore, job: JobDocument, form: Form, *, after: str | None = None) -> FileStream:
    """The job's records in this form, in the order of the slots; of a record id `after`, those behind it.

    `UserError` when the form does not fit the records.
    """
    where: Where = {"job_id": job.job_id}
    if after is not None:
        where = {**where, "slot": Range(low=_slot_of(job, after) + 1)}
    return _stream(store, job, _Reading(where, "slot"), form, continued=after is not None)


def version_stream(
    store: RecordStore, job: JobDocument, number: int, form: Form, *, after: str | None = None
) -> FileStream:
    """The records that a version shows, in the order of their ids; `job` is the one that was released as it.

    `UserError` when the form does not fit the records.
    """
    where = shown_in(number)
    if after is not None:
        where = {**where, "record_id": Range(low=after)}
    return _stream(store, job, _Reading(where, None, but=after), form, continued=after is not None)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is read for a file, and in which order; `but` one record."""

    where: Where
    sort: str | None
    but: str | None = None


def _stream(store: RecordStore, job: JobDocument, reading: _Reading, form: Form, *, continued: bool) -> FileStream:
    compiled = recompile(job.recipe)
    form.check(compiled.record_schema)
    meant = Fields(compiled.record_schema).where(form.filters)
    twice = meant.keys() & reading.where.keys()
    if twice:
        raise UserError("a continued export goes on behind a slot: leave out the filters on @slot, or start anew")
    wanted = replace(reading, where={**meant, **reading.where})
    documents = _held(store, records_of(job), wanted, form)
    return FileStream(documents, form.encoder(compiled, continued=continued), form.compression)


async def _held(store: RecordStore, place: Place, wanted: _Reading, form: Form) -> AsyncIterator[Document]:
    await store.visible(place)
    async for stored in store.scan(place, wanted.where, sort=wanted.sort):
        if stored.id != wanted.but and form.holds(stored.document):
            yield stored.document


def _slot_of(job: JobDocument, record_id: str) -> int:
    slot = record_id.removeprefix(f"{job.job_id}-")
    if slot == record_id or not re.fullmatch(r"[0-9]{1,12}", slot):
        raise UserError(f"{record_id[:100]!r} is no record of job {job.job_id}: give the _record_id of the last line")
    return int(slot)
