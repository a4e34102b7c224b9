"""Reads datasets and versions."""

from synthmill.jobs.documents import get_job
from synthmill.jobs.release.documents import DatasetMissing, versions_of
from synthmill.jobs.release.versions import shown_in, version_wanted
from synthmill.ports.records import Page, Query, Range, Where
from synthmill.services import Services
from synthmill_api.errors import Code, Refused
from synthmill_api.kit.pages import Paging
from synthmill_api.results import service as results
from synthmill_api.results.service import Found, Search
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
    """Records that the version shows and that match; fields are those of its own job's recipe."""
    chosen = await version(services, tenant, dataset, number)
    job = (await get_job(services.store, tenant, chosen.job_id)).document
    return await results.search(services, job, wanted, within=shown_in(chosen.number))
