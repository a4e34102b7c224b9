"""What a version shows, and which datasets and versions there are."""

from collections.abc import AsyncIterator

from synthmill.jobs.release.documents import DatasetMissing, find_dataset, find_version, versions_of
from synthmill.ports.records import Document, Outside, Range, RecordStore, Where
from synthmill_schemas.dataset import DatasetDocument, VersionDocument


def shown_in(version: int) -> Where:
    """The condition on a dataset's records that this version shows them: since ≤ version, and not until ≤ version."""
    return {"since": Range(high=version), "until": Outside(Range(high=version))}


def is_shown_in(version: int, record: Document) -> bool:
    """The same of one record's document."""
    since, until = record.get("since"), record.get("until")
    return since is not None and since <= version and (until is None or until > version)


UNRELEASED: Where = {"since": Outside(Range(low=0))}
"""The condition that no version shows a record."""


async def version_wanted(store: RecordStore, tenant: str, dataset: str, number: int | None) -> VersionDocument:
    """A released version, the latest by default; `DatasetMissing` when there is none."""
    found = await find_dataset(store, tenant, dataset)
    latest = None if found is None else found.document.latest
    if latest is None:
        raise DatasetMissing(f"no version of dataset {dataset!r} is released; `synthmill datasets list` lists those")
    wanted = latest if number is None else number
    version = await find_version(store, tenant, dataset, wanted) if wanted <= latest else None
    if version is None:
        raise DatasetMissing(f"dataset {dataset} has versions 1 to {latest}, not {wanted}")
    return version


async def datasets_in(store: RecordStore, tenant: str) -> AsyncIterator[DatasetDocument]:
    """Every dataset with a released version, by name."""
    place = versions_of(tenant)
    await store.visible(place)
    async for stored in store.scan(place, {"kind": "dataset", "latest": Range(low=1)}, sort="dataset"):
        yield DatasetDocument.model_validate(stored.document)


async def versions_in(store: RecordStore, tenant: str, dataset: str) -> AsyncIterator[VersionDocument]:
    """Every released version of a dataset, in order; one whose release is under way is not among them."""
    found = await find_dataset(store, tenant, dataset)
    if found is None or found.document.latest is None:
        return
    place = versions_of(tenant)
    await store.visible(place)
    where: Where = {"kind": "version", "dataset": dataset, "number": Range(high=found.document.latest)}
    async for stored in store.scan(place, where, sort="number"):
        yield VersionDocument.model_validate(stored.document)
