"""Reads and deletes sources for the API; storing them is core's."""

from synthmill.catalog.removal import remove_source
from synthmill.catalog.sources import SourceDocument, sources_of
from synthmill.catalog.uploads import name_fault
from synthmill.ports.records import Page, Query
from synthmill.services import Services
from synthmill_api.errors import Code, FaultItem, Refused


def checked_name(name: str | None) -> str:
    """A plain file name; refused otherwise, never mended."""
    fault = name_fault(name)
    if name is None or fault is not None:
        item = FaultItem(path="name", message=fault or "missing", hint="Give a plain file name, e.g. products.csv.")
        raise Refused(Code.INVALID_REQUEST, f"the file's name {fault or 'is missing'}", [item])
    return name


async def get(services: Services, tenant: str, id_: str) -> SourceDocument:
    """The source, or a 404."""
    stored = await services.store.get(sources_of(tenant), id_)
    if stored is None:
        raise Refused(Code.NOT_FOUND, f"there is no source {id_}")
    return SourceDocument.model_validate(stored.document)


async def page(services: Services, tenant: str, query: Query) -> Page:
    """One page of sources."""
    await services.store.visible(sources_of(tenant))
    return await services.store.search(sources_of(tenant), query)


async def delete(services: Services, tenant: str, id_: str, *, derived: bool) -> None:
    """Takes away document and file; jobs that read it have copies of their own, which go with `derived`."""
    await remove_source(services, await get(services, tenant, id_), derived=derived)
