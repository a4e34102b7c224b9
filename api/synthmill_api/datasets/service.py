"""Reads datasets and versions."""

from synthmill.jobs.documents import get_job
from synthmill.jobs.release.documents import DatasetMissing, versions_of
from synthmill.jobs.release.versions import is_shown_in, version_wanted
from synthmill.ports.records import Collection, Page, Place, Query, Range, Where
from synthmill.records import search as records
from synthmill.records.search import Found, Records, Search
from synthmill.records.story import Story, story
from synthmill.services import Services
from synthmill_api.errors import Code, Refused
from synthmill_api.kit.pages import Paging
from synthmill_schemas.dataset import VersionDocument


async def datasets(services: Services, tenant: str, paging: Paging) -> Page:
    """A page of datasets with a released version, by name."""
    place = versions_of(tenant)
    await services.store.visible(place)
    where: Where = {"kind": "dataset", "latest": Range(low=1)}
    return await services.store.search(place, Query(where, None, "dataset", paging.limit, paging.cursor))


async def versions(services: Services, tenant: str, dataset: str, paging: Paging) -> Page:
    """A page of the dataset's versions, the newest first; a 404 when there is none."""
    latest = await version(services, tenant, dataset, None)
    place = versions_of(tenant)
    await services.store.visible(place)
    where: Where = {"kind": "version", "dataset": dataset, "number": Range(high=latest.number)}
    return await services.store.search(place, Query(where, None, "-number", paging.limit, paging.cursor))


async def version(services: Services, tenant: str, dataset: str, number: int | None) -> VersionDocument:
    """The version, the latest by default, or a 404."""
    try:
        return await version_wanted(services.store, tenant, dataset, number)
    except DatasetMissing as error:
        raise Refused(Code.NOT_FOUND, str(error)) from error


async def search(services: Services, tenant: str, dataset: str, number: int | None, wanted: Search) -> Found:
    """Records that the version shows and that match; a 404 when there is no such version."""
    return await records.search(services.store, await shown(services, tenant, dataset, number), wanted)


async def shown(services: Services, tenant: str, dataset: str, number: int | None) -> Records:
    """The records of a version, the latest by default, or a 404."""
    try:
        return await records.of_version(services.store, tenant, dataset, number)
    except DatasetMissing as error:
        raise Refused(Code.NOT_FOUND, str(error)) from error


async def record(services: Services, tenant: str, dataset: str, number: int | None, record_id: str) -> Story:
    """One record that the version shows, with its whole lineage, or a 404."""
    chosen = await version(services, tenant, dataset, number)
    stored = await services.store.get(Place(tenant, Collection.RECORDS, dataset), record_id)
    if stored is None or not is_shown_in(chosen.number, stored.document):
        raise Refused(Code.NOT_FOUND, f"version {chosen.number} of {dataset} has no record {record_id}")
    job = (await get_job(services.store, tenant, stored.document["job_id"])).document
    return await story(services.store, job, stored.document)
