"""Reads and changes the documents of datasets; every change is a compare-and-swap."""

from dataclasses import dataclass

from synthmill.errors import UserError
from synthmill.ports.records import Collection, Place, Query, RecordStore, Stored, Write, WriteMode
from synthmill_schemas.base import now
from synthmill_schemas.dataset import DatasetDocument, Releasing, VersionDocument, version_id


class DatasetMissing(UserError):
    """No such dataset, or no such version of it, was released here."""


@dataclass(frozen=True, slots=True)
class VersionedDataset:
    """A dataset and the version of its document that was read."""

    document: DatasetDocument
    version: int


def versions_of(tenant: str) -> Place:
    """Where a tenant's datasets and their versions are."""
    return Place(tenant, Collection.VERSIONS)


async def find_dataset(store: RecordStore, tenant: str, dataset: str) -> VersionedDataset | None:
    """The dataset as it is now, if a release of it was ever begun."""
    stored = await store.get(versions_of(tenant), dataset)
    return None if stored is None else _parse(stored)


async def opened_dataset(store: RecordStore, tenant: str, dataset: str) -> VersionedDataset:
    """The dataset, made now if there is none."""
    found = await find_dataset(store, tenant, dataset)
    while found is None:
        fresh = DatasetDocument(tenant=tenant, dataset=dataset)
        await store.bulk([Write(versions_of(tenant), dataset, fresh.model_dump(mode="json"), WriteMode.CREATE)])
        found = await find_dataset(store, tenant, dataset)
    return found


async def swap_dataset(
    store: RecordStore, seen: VersionedDataset, *, latest: int | None, releasing: Releasing | None
) -> VersionedDataset:
    """Changes exactly the document that was seen, or raises `VersionConflict`."""
    changed = seen.document.model_copy(update={"latest": latest, "releasing": releasing, "updated_at": now()})
    patch = changed.model_dump(mode="json", include={"latest", "releasing", "updated_at"})
    place = versions_of(changed.tenant)
    return _parse(await store.patch(place, changed.dataset, patch, expected=seen.version))


async def find_version(store: RecordStore, tenant: str, dataset: str, number: int) -> VersionDocument | None:
    """A released version."""
    stored = await store.get(versions_of(tenant), version_id(dataset, number))
    return None if stored is None else VersionDocument.model_validate(stored.document)


async def version_of_job(store: RecordStore, tenant: str, job_id: str) -> VersionDocument | None:
    """The last version that a release of this job made."""
    place = versions_of(tenant)
    await store.visible(place)
    page = await store.search(place, Query({"kind": "version", "job_id": job_id}, sort="-number", limit=1))
    return VersionDocument.model_validate(page.hits[0].document) if page.hits else None


def _parse(stored: Stored) -> VersionedDataset:
    return VersionedDataset(DatasetDocument.model_validate(stored.document), stored.version)
