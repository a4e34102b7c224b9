"""A file of records as a stream of bytes, in bounded memory: read, encoded, packed, a batch at a time."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Protocol

from synthmill.jobs.export.encoders import Encoder
from synthmill.jobs.export.formats import Form
from synthmill.ports.records import Collection, Document, Place, RecordStore
from synthmill.recipes.compile import recompile
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


class FileStream:
    """One file; `records` of it are encoded so far."""

    def __init__(self, documents: AsyncIterator[Document], encoder: Encoder, compression: Compression) -> None:
        self.records = 0
        self._documents = documents
        self._encoder = encoder
        packed = compression is Compression.GZIP
        self._packer: _Packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP) if packed else _Plain()

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


def file_stream(store: RecordStore, job: JobDocument, form: Form) -> FileStream:
    """The job's records in this form."""
    return FileStream(in_order(store, job), form.encoder(recompile(job.recipe)), form.compression)
