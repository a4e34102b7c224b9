"""Stores uploads as sources, each content once a tenant."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum

from synthmill.catalog.sifting import kind_of, sifted
from synthmill.catalog.sources import SourceDocument, source_id, sources_of
from synthmill.errors import InputUnusable, VersionConflict
from synthmill.ports.objects import StoredObject
from synthmill.ports.records import Write, WriteMode, WriteStatus
from synthmill.runs.uploads import tell_upload
from synthmill.services import Services

_MOST_NAME_BYTES = 255


class Outcome(StrEnum):
    """What an upload came to."""

    NEW = "new"
    EXISTING = "existing"  # the same content was there


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way in; `sha256` is what the client announced."""

    name: str
    chunks: AsyncIterator[bytes]
    sha256: str | None = None


def name_fault(name: str | None) -> str | None:
    """Why this is no plain file name; None when it is one."""
    if not name or not name.strip(". "):
        return "is missing"
    if len(name.encode("utf-8", "replace")) > _MOST_NAME_BYTES:
        return f"is longer than {_MOST_NAME_BYTES} bytes"
    if any(character in "/\\\x7f" or ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in name):
        return "holds a slash, a backslash or a control character"
    return None


async def store_upload(services: Services, tenant: str, upload: Upload) -> tuple[SourceDocument, Outcome]:
    """The source of this content; what is not needed of the upload is deleted again."""
    prefix = f"tmp/sources/{uuid.uuid4().hex}/"
    stored = await services.objects.put(f"{prefix}data", sifted(upload.chunks, upload.name), sha256=upload.sha256)
    try:
        kept, outcome = await _settle(services, await _document(services, tenant, upload.name, stored))
    except BaseException:
        await services.objects.delete_prefix(prefix)
        raise
    if kept.object_key != stored.key:
        await services.objects.delete_prefix(prefix)
    return kept, outcome


async def _document(services: Services, tenant: str, name: str, stored: StoredObject) -> SourceDocument:
    if stored.size == 0 or stored.sha256 is None:
        raise InputUnusable(f"{name} is empty; there is nothing to generate from")
    return SourceDocument(
        tenant=tenant,
        source_id=source_id(tenant, stored.sha256),
        name=name,
        kind=await kind_of(services, stored.key, stored.size, name),
        sha256=stored.sha256,
        size=stored.size,
        object_key=stored.key,
    )


async def _settle(services: Services, document: SourceDocument) -> tuple[SourceDocument, Outcome]:
    """Creates the document, or takes the one there is; one whose file is gone gets the new file."""
    place = sources_of(document.tenant)
    write = Write(place, document.source_id, document.model_dump(mode="json"), WriteMode.CREATE)
    while True:
        (result,) = await services.store.bulk([write])
        if result.status is WriteStatus.STORED:
            await tell_upload(services.settings.prefect, document.tenant, document.name, document.source_id)
            return document, Outcome.NEW
        there = await services.store.get(place, document.source_id)
        if there is None:
            continue  # deleted since
        existing = SourceDocument.model_validate(there.document)
        if await services.objects.stat(existing.object_key) is not None:
            return existing, Outcome.EXISTING
        try:
            changes = {"object_key": document.object_key}
            patched = await services.store.patch(place, document.source_id, changes, expected=there.version)
        except VersionConflict:
            continue
        return SourceDocument.model_validate(patched.document), Outcome.EXISTING
