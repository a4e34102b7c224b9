"""Makes sources of all files of a place, as if each had been uploaded; the same content is the same source."""

from collections.abc import Sequence
from dataclasses import dataclass

from synthmill.catalog.locations import LocationKind, files_at
from synthmill.catalog.uploads import Outcome, Upload, name_fault, store_upload
from synthmill.errors import InputUnusable
from synthmill.jobs.order import InputFile
from synthmill.services import Services


@dataclass(frozen=True, slots=True)
class Imported:
    """One file: its source, or why there is none."""

    name: str
    source_id: str | None
    outcome: Outcome | None
    reason: str | None = None


async def import_sources(services: Services, tenant: str, kind: LocationKind, location: str) -> Sequence[Imported]:
    """One after the other, by name; a file that cannot be used does not keep the others from being imported."""
    return [await _import(services, tenant, file) for file in await files_at(services, tenant, kind, location)]


async def _import(services: Services, tenant: str, file: InputFile) -> Imported:
    name = file.name.replace("/", "-")  # a source's name is a plain one
    fault = name_fault(name)
    if fault is not None:
        return Imported(name, None, None, f"its name {fault}")
    try:
        source, outcome = await store_upload(services, tenant, Upload(name, file.read(), file.sha256))
    except InputUnusable as error:
        return Imported(name, None, None, str(error))
    return Imported(name, source.source_id, outcome)
