"""`/v1/datasets`: list datasets and versions, search the records of a version."""

from typing import Annotated

from fastapi import Path, Query

from synthmill_api.auth.guard import guarded, guarded_router
from synthmill_api.auth.scopes import Scope
from synthmill_api.datasets import service
from synthmill_api.datasets.views import Dataset, Version
from synthmill_api.dependencies import CallerHere, ServicesHere
from synthmill_api.errors import Code
from synthmill_api.kit.pages import Listing, PagingHere
from synthmill_api.results.fields import FILTER
from synthmill_api.results.service import Search
from synthmill_api.results.views import RecordItem, RecordPage
from synthmill_schemas.dataset import DatasetDocument, VersionDocument

router = guarded_router("datasets")

DatasetName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,62}$", description="the recipe's name")]
_Filter = Annotated[str, Query(pattern=FILTER, max_length=1_024)]
_FieldName = Annotated[str, Query(max_length=256)]
_FILTERS = "field=value (given again for one field: any of them), field>=value, field<=value; all fields must match"


@router.get("/datasets", operation_id="list_datasets", **guarded(Scope.RECORDS_READ))
async def list_datasets(services: ServicesHere, caller: CallerHere, paging: PagingHere) -> Listing[Dataset]:
    """List datasets of which a version is released, by name."""
    page = await service.datasets(services, caller.tenant, paging)
    items = [Dataset.of(DatasetDocument.model_validate(hit.document)) for hit in page.hits]
    return Listing(items=items, total=page.total, cursor=page.cursor)


@router.get("/datasets/{dataset}/versions", operation_id="list_versions", **guarded(Scope.RECORDS_READ, Code.NOT_FOUND))
async def list_versions(
    services: ServicesHere, caller: CallerHere, dataset: DatasetName, paging: PagingHere
) -> Listing[Version]:
    """List a dataset's released versions, the newest first."""
    page = await service.versions(services, caller.tenant, dataset, paging)
    items = [Version.of(VersionDocument.model_validate(hit.document)) for hit in page.hits]
    return Listing(items=items, total=page.total, cursor=page.cursor)


@router.get(
    "/datasets/{dataset}/records",
    operation_id="search_dataset",
    **guarded(Scope.RECORDS_READ, Code.NOT_FOUND, Code.UNKNOWN_FIELD),
)
async def search_dataset(
    services: ServicesHere,
    caller: CallerHere,
    dataset: DatasetName,
    paging: PagingHere,
    version: Annotated[int | None, Query(ge=1, description="default: the latest")] = None,
    q: Annotated[str | None, Query(max_length=1_024, description="words, all of which the record holds")] = None,
    filters: Annotated[list[_Filter] | None, Query(alias="filter", max_length=50, description=_FILTERS)] = None,
    facets: Annotated[list[_FieldName] | None, Query(alias="facet", max_length=10, description="fields")] = None,
    sort: Annotated[str | None, Query(max_length=256, description="a field, - before it: downwards")] = None,
) -> RecordPage:
    """Search the records that a version of a dataset shows, whichever jobs made them."""
    wanted = Search(q, filters or (), facets or (), sort, paging.limit, paging.cursor)
    found = await service.search(services, caller.tenant, dataset, version, wanted)
    items = [RecordItem.of(hit.document) for hit in found.page.hits]
    counts = {name: dict(values) for name, values in found.facets.items()}
    return RecordPage(items=items, total=found.page.total, cursor=found.page.cursor, facets=counts)
