"""The flow that makes sources of the files of a folder or of a prefix of the bucket."""

from prefect import flow
from prefect.artifacts import acreate_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from synthmill.catalog.importing import Imported
from synthmill.catalog.importing import import_sources as import_all
from synthmill.catalog.locations import LocationKind
from synthmill_flows.current import run_services, services
from synthmill_flows.display import attempt
from synthmill_flows.naming import given
from synthmill_flows.parameters import ImportParameters
from synthmill_flows.patience import patient

_SHOWN = 100


def run_name() -> str:
    """How a run is listed: by its place."""
    return f"import {given(ImportParameters).location}"


@patient
async def import_files(order: ImportParameters) -> list[Imported]:
    """Stores each file; one that is there already costs its transfer and no place."""
    tenant = order.tenant or services().settings.tenant
    return list(await import_all(services(), tenant, LocationKind(order.place.value), order.location))


@flow(name="import-sources", flow_run_name=run_name, persist_result=True, result_serializer="json")
async def import_sources(order: ImportParameters) -> State[list[str]]:
    """Makes sources of all files of a place, as if each had been uploaded; their ids are the run's result.

    Args:
        order: Where the files are.
    """
    async with run_services():
        imported = await import_files(order)
        await attempt(_shown(imported), "the sources")
    ids = [each.source_id for each in imported if each.source_id is not None]
    refused = [each for each in imported if each.source_id is None]
    if refused:
        first = f"{refused[0].name}: {refused[0].reason}"
        text = f"{len(refused)} of {len(imported)} files cannot be used, the others are sources; the first: {first}"
        return Failed(message=text)
    return Completed(message=f"{len(ids)} sources", data=ids)


async def _shown(imported: list[Imported]) -> None:
    """The refused ones first: they are what somebody has to look at."""
    ordered = sorted(imported, key=lambda each: each.source_id is not None)
    rows = [
        {
            "file": each.name,
            "source": each.source_id or "",
            "outcome": each.outcome or "refused",
            "why": each.reason or "",
        }
        for each in ordered[:_SHOWN]
    ]
    await acreate_table_artifact(rows, key="imported-sources", description=f"{len(imported)} files, {len(rows)} shown")
