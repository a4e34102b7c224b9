"""Stores the bytes of one request behind those that are there; one writer at a time, by a lease in the document.

The request is cut into parts of one size. A part that is not full when the request ends is kept as it is, and read
again to be continued by the next one. Parts have names of their own and count only when the document says so: a writer
that lost its lease, or died, changes nothing.
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from synthmill.catalog.resumable.documents import (
    UploadDocument,
    VersionedUpload,
    change_upload,
    forget_upload,
    swap_upload,
)
from synthmill.catalog.resumable.errors import UploadExpired, UploadLocked, UploadTooLong, WrongOffset
from synthmill.catalog.resumable.finish import finished
from synthmill.catalog.resumable.incoming import Incoming, PieceChecksum
from synthmill.catalog.resumable.reading import part_bytes
from synthmill.catalog.sifting import heads_judged
from synthmill.errors import ChecksumMismatch, InputUnusable, SynthmillError, VersionConflict
from synthmill.jobs.lease import new_owner
from synthmill.services import Services
from synthmill.versioned import Changes
from synthmill_schemas.base import now
from synthmill_schemas.job import Lease

_LEASE_SECONDS = 60.0
_PORTION_SECONDS = 10.0
"""So much of a slow request is lost at most when the service dies."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The bytes of a request: where they begin, and what they must be."""

    offset: int
    chunks: AsyncIterator[bytes]
    checksum: PieceChecksum | None = None


async def append(services: Services, tenant: str, upload_id: str, piece: Piece) -> UploadDocument:
    """The upload with what came of the piece; at its last byte it becomes a source.

    What cannot become a source (`InputUnusable`, `ChecksumMismatch` of the whole) is given up with all its parts.
    """
    held = await _claimed(services, tenant, upload_id, piece.offset)
    if held.document.finished:
        return held.document
    writer = _Writer(services, held, Incoming(piece.chunks, piece.checksum))
    try:
        return await writer.run()
    except VersionConflict as error:
        raise UploadLocked(f"upload {upload_id} was taken over by another request, or given up") from error
    finally:
        await writer.leave()


async def _claimed(services: Services, tenant: str, upload_id: str, offset: int) -> VersionedUpload:
    lease = Lease(owner=new_owner(), expires_at=now() + timedelta(seconds=_LEASE_SECONDS))

    def decide(upload: UploadDocument) -> Changes | None:
        if upload.expires_at < now():
            raise UploadExpired(f"upload {upload_id} was to be finished by {upload.expires_at:%Y-%m-%d %H:%M} UTC")
        if upload.writer is not None and upload.writer.expires_at > now():
            raise UploadLocked(f"another request is writing to upload {upload_id}")
        if upload.offset != offset:
            raise WrongOffset(f"upload {upload_id} stands at byte {upload.offset}, not at {offset}")
        return None if upload.finished else {"writer": lease}

    return await change_upload(services, tenant, upload_id, decide)


@dataclass(slots=True)
class _Writer:
    """Works on one request. `held` is the document as last written, `offset` and `parts` what is stored."""

    services: Services
    held: VersionedUpload
    incoming: Incoming
    offset: int = field(init=False)
    parts: list[str] = field(init=False)
    seen: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.offset, self.parts = self.upload.offset, list(self.upload.parts)
        self.seen = set(self.parts)

    @property
    def upload(self) -> UploadDocument:
        """The document."""
        return self.held.document

    async def run(self) -> UploadDocument:
        """Takes all there is."""
        while self.offset < self.upload.length and await self.incoming.more():
            try:
                await self._store_part()
            except InputUnusable:
                await forget_upload(self.services, self.upload)
                raise
            if self.offset < self.upload.length:
                await self._note({} if self.incoming.held_back else self._stored())
        if await self.incoming.more():
            raise UploadTooLong(f"upload {self.upload.upload_id} has {self.upload.length} bytes, and more came")
        if self.incoming.broken is not None and self.offset < self.upload.length:
            raise self.incoming.broken
        self.incoming.check()
        if self.offset == self.upload.length:
            return await self._finish()
        await self._note(self._stored())
        return self.upload

    async def leave(self) -> None:
        """Lets others write, and drops parts that do not count; the lease ends by itself where this fails."""
        with suppress(SynthmillError):
            if not self.upload.finished and self.upload.writer is not None:
                self.held = await swap_upload(self.services, self.held, {"writer": None})
        with suppress(SynthmillError):
            if self.upload.finished:
                await self.services.objects.delete_prefix(self.upload.prefix)
                return
            for part in self.seen - set(self.upload.parts):
                await self.services.objects.delete_prefix(f"{self.upload.prefix}{part}/")

    async def _store_part(self) -> None:
        """Stores the next part, or the unfinished last one anew with what comes behind it."""
        begun = self.offset % self.upload.part_bytes
        room = min(self.upload.length - self.offset, self.upload.part_bytes - begun)
        name = f"{self.offset // self.upload.part_bytes:06d}-{uuid.uuid4().hex[:12]}"
        before = self.incoming.received
        self.seen.add(name)
        chunks = self._chunks(begun, room)
        if self.offset < self.upload.part_bytes:
            chunks = heads_judged(chunks, self.upload.name)
        stored = await self.services.objects.put(self.upload.key(name), chunks)
        came = self.incoming.received - before
        if stored.size != begun + came:
            raise ChecksumMismatch(f"a part of {begun + came} bytes was stored with {stored.size}: send it again")
        self.parts = [*(self.parts[:-1] if begun else self.parts), name]
        self.offset += came

    async def _chunks(self, begun: int, room: int) -> AsyncIterator[bytes]:
        if begun:
            async for chunk in part_bytes(self.services, self.upload, self.parts[-1]):
                yield chunk
        async for chunk in self.incoming.take(room, _PORTION_SECONDS):
            yield chunk

    async def _finish(self) -> UploadDocument:
        try:
            source = await finished(self.services, self.upload, self.parts, self._renew)
        except (InputUnusable, ChecksumMismatch):
            await forget_upload(self.services, self.upload)
            raise
        done = {"offset": self.offset, "parts": [], "writer": None, "source_id": source.source_id}
        self.held = await swap_upload(self.services, self.held, done)
        return self.upload

    def _stored(self) -> Changes:
        return {"offset": self.offset, "parts": self.parts}

    async def _renew(self) -> None:
        await self._note({})

    async def _note(self, changes: Changes) -> None:
        """Writes to the document and goes on holding it."""
        lease = self.upload.writer
        assert lease is not None
        fresh = lease.model_copy(update={"expires_at": now() + timedelta(seconds=_LEASE_SECONDS)})
        self.held = await swap_upload(self.services, self.held, {**changes, "writer": fresh})
