"""`/v1/datasets`: list datasets and versions, search the records of a version."""

from synthmill_api.auth.guard import guarded, guarded_router
from synthmill_api.auth.scopes import Scope
from synthmill_api.datasets import service
from synthmill_api.datasets.versions import LATEST, DatasetName, VersionHere, number_of
from synthmill_api.datasets.views import Dataset, Version
from synthmill_api.dependencies import CallerHere, ServicesHere
from synthmill_api.errors import Code
from synthmill_api.kit.pages import Listing, PagingHere
from synthmill_api.results.queries import RecordId, SearchHere
from synthmill_api.results.views import RecordPage, RecordStory
from synthmill_schemas.dataset import DatasetDocument, VersionDocument

router = guarded_router("datasets")


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
    services: ServicesHere, caller: CallerHere, dataset: DatasetName, wanted: SearchHere, version: VersionHere = LATEST
) -> RecordPage:
    """Search the records that a version of a dataset shows, whichever jobs made them."""
    return RecordPage.found(await service.search(services, caller.tenant, dataset, number_of(version), wanted))


@router.get(
    "/datasets/{dataset}/records/{record_id}",
    operation_id="get_dataset_record",
    **guarded(Scope.RECORDS_READ, Code.NOT_FOUND),
)
async def get_dataset_record(
    services: ServicesHere, caller: CallerHere, dataset: DatasetName, record_id: RecordId, version: VersionHere = LATEST
) -> RecordStory:
    """Read one record that a version shows, with its whole lineage."""
    return RecordStory.told(await service.record(services, caller.tenant, dataset, number_of(version), record_id))
