"""What is known of an upload that comes in pieces; every change is a compare-and-swap.

The documents of all tenants lie in one place: whoever drops expired ones need not know the tenants.
"""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from synthmill.catalog.resumable.errors import UploadMissing
from synthmill.jobs.files import ROOT
from synthmill.ports.records import Collection, Page, Place, Query, Write, WriteMode
from synthmill.services import Services
from synthmill.versioned import Changes, Versioned, change, parsed, swap
from synthmill_schemas.base import Contract, Count, Name, Sha256, now
from synthmill_schemas.job import Lease

UPLOADS = Place("_uploads", Collection.SOURCES)
PART_BYTES = 8 << 20
"""A part is one request to the object store, whatever the size of the pieces; the last one may be shorter."""

_MOST_HOURS = 24.0
"""The bucket's own rule deletes files below `tmp/` that are a day old."""


class UploadDocument(Contract):
    """`_id` is `upload_id`. `offset` is `length` exactly when there is a source."""

    version: Literal[1] = 1
    tenant: Name
    upload_id: str
    name: str
    length: Count = Field(description="bytes, as announced")
    sha256: Sha256 | None = Field(description="of the whole, as announced")
    metadata: str = Field(description="as the client gave it, to be given back")
    part_bytes: int = Field(ge=1, description="of this upload, whatever later versions take")
    offset: Count = Field(0, description="bytes that are stored for good")
    parts: list[str] = Field([], description="in order; all but the last have `part_bytes` bytes")
    writer: Lease | None = None
    source_id: str | None = None
    created_at: datetime = Field(default_factory=now)
    expires_at: datetime

    @property
    def prefix(self) -> str:
        """Below it lie the parts."""
        return f"{ROOT}sources/{self.upload_id}/"

    @property
    def finished(self) -> bool:
        """Whether it became a source."""
        return self.source_id is not None

    def key(self, part: str) -> str:
        """Where a part lies; a folder each, since folders are what is deleted."""
        return f"{self.prefix}{part}/data"


VersionedUpload = Versioned[UploadDocument]


async def create_upload(
    services: Services, tenant: str, *, name: str, length: int, sha256: str | None, metadata: str
) -> UploadDocument:
    """A new upload, empty."""
    hours = min(services.settings.job.temporary_file_hours, _MOST_HOURS)
    document = UploadDocument(
        tenant=tenant,
        upload_id=f"upl_{uuid.uuid4().hex}",
        name=name,
        length=length,
        sha256=sha256,
        metadata=metadata,
        part_bytes=PART_BYTES,
        expires_at=now() + timedelta(hours=hours),
    )
    write = Write(UPLOADS, document.upload_id, document.model_dump(mode="json"), WriteMode.CREATE)
    await services.store.bulk([write])
    return document


async def get_upload(services: Services, tenant: str, upload_id: str) -> VersionedUpload:
    """The upload as it is now; `UploadMissing` also for another tenant's."""
    stored = await services.store.get(UPLOADS, upload_id)
    found = None if stored is None else parsed(UploadDocument, stored)
    if found is None or found.document.tenant != tenant:
        raise UploadMissing(f"there is no upload {upload_id}: it was finished or given up, or its time is over")
    return found


async def change_upload(
    services: Services, tenant: str, upload_id: str, decide: Callable[[UploadDocument], Changes | None]
) -> VersionedUpload:
    """The upload as it is after `decide` chose changes, perhaps several times; None: it is left as it is."""
    return await change(services.store, UPLOADS, upload_id, lambda: get_upload(services, tenant, upload_id), decide)


async def swap_upload(services: Services, read: VersionedUpload, changes: Changes) -> VersionedUpload:
    """Changes exactly this version, or raises `VersionConflict`."""
    return await swap(services.store, UPLOADS, read.document.upload_id, read, changes)


async def uploads_page(services: Services, tenant: str, limit: int, cursor: str | None) -> Page:
    """A tenant's uploads, the newest first."""
    await services.store.visible(UPLOADS)
    query = Query({"tenant": tenant}, sort="-created_at", limit=limit, cursor=cursor)
    return await services.store.search(UPLOADS, query)


async def forget_upload(services: Services, upload: UploadDocument) -> None:
    """Takes away the document, so that nobody writes any more, and then all parts."""
    await services.store.delete(UPLOADS, [upload.upload_id])
    await services.objects.delete_prefix(upload.prefix)
