"""Uploaded files: what is known of each, and how a job reads one."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Literal

from pydantic import Field

from synthmill.errors import ObjectMissing
from synthmill.inputs.detect import SourceKind
from synthmill.jobs.order import InputFile
from synthmill.ports.records import Collection, Place, Query, RecordStore
from synthmill.services import Services
from synthmill_schemas.base import DEFAULT_TENANT, Contract, Count, Name, Sha256, now

_READ_BYTES = 1 << 20


class SourceDocument(Contract):
    """An uploaded file; `_id` is `source_id`."""

    version: Literal[1] = 1
    tenant: Name = DEFAULT_TENANT
    source_id: str
    name: str
    kind: SourceKind
    sha256: Sha256
    size: Count = Field(description="bytes")
    object_key: str = Field(description="tmp/sources/<upload>/data")
    created_at: datetime = Field(default_factory=now)


def source_id(tenant: str, sha256: str) -> str:
    """The id of a tenant's content: the same bytes are the same source."""
    return "src_" + hashlib.sha256(f"{tenant}\n{sha256}".encode()).hexdigest()[:32]


def sources_of(tenant: str) -> Place:
    """Where a tenant's sources are."""
    return Place(tenant, Collection.SOURCES)


async def find_source(store: RecordStore, tenant: str, id_or_name: str) -> SourceDocument | None:
    """The source of that id, else the newest upload under that name; None when there is neither."""
    stored = await store.get(sources_of(tenant), id_or_name)
    if stored is not None:
        return SourceDocument.model_validate(stored.document)
    await store.visible(sources_of(tenant))
    found = await store.search(sources_of(tenant), Query({"name": id_or_name}, sort="-created_at", limit=1))
    return SourceDocument.model_validate(found.hits[0].document) if found.hits else None


def source_file(services: Services, source: SourceDocument) -> InputFile:
    """The source as a job's input; reading it raises `ObjectMissing` when its file was deleted."""

    async def read() -> AsyncIterator[bytes]:
        try:
            async with services.objects.open(source.object_key) as file:
                while block := await asyncio.to_thread(file.read, _READ_BYTES):
                    yield block
        except ObjectMissing as error:
            text = f"the file of source {source.source_id} ({source.name}) was deleted after its retention"
            raise ObjectMissing(text) from error

    return InputFile(source.name, read, source.sha256, source.object_key)
