"""The beginning of a source: of its file, or of the seeds that some job made of it when the file is gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from synthmill.catalog.sources import SourceDocument
from synthmill.errors import ObjectMissing
from synthmill.inputs.look.begin import look
from synthmill.inputs.look.child import Wanted
from synthmill.inputs.look.found import Found, columns_of, shown
from synthmill.ports.records import Collection, Place, Query, Stored
from synthmill.services import Services
from synthmill_schemas.ids import seed_document_id

SAMPLE_ROWS = 200
"""Rows that columns and types are told by."""


class LookedAt(StrEnum):
    """What of a source was there to be looked at."""

    FILE = "file"
    SEEDS = "seeds"  # good rows only, typed as the recipe of their job says


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found, and where."""

    source: SourceDocument
    by: LookedAt
    found: Found


async def inspect(services: Services, source: SourceDocument, rows: int, sample: int = SAMPLE_ROWS) -> Inspection:
    """At most `rows` rows of it, `sample` of which tell columns and types.

    `InputUnusable` when it cannot be read within the limits of a look; `ObjectMissing` when neither file nor seeds are
    there.
    """
    wanted = Wanted(source.name, source.size, rows, max(rows, sample))
    try:
        found = await look(services.objects, source.object_key, wanted)
    except ObjectMissing:
        return Inspection(source, LookedAt.SEEDS, await _seeds(services, source, wanted))
    return Inspection(source, LookedAt.FILE, found)


async def _seeds(services: Services, source: SourceDocument, wanted: Wanted) -> Found:
    place = Place(source.tenant, Collection.INPUTS)
    await services.store.visible(place)
    any_seed = await services.store.search(place, Query({"lineage.sha256": source.sha256}, limit=1))
    if not any_seed.hits:
        text = f"the file of source {source.source_id} ({source.name}) is deleted, and no job made seeds of it"
        raise ObjectMissing(text)
    seed_set = str(any_seed.hits[0].document["seed_set"])
    ids = [seed_document_id(seed_set, ordinal) for ordinal in range(wanted.sample + 1)]
    return _found(source, await services.store.get_many(place, ids), wanted)


def _found(source: SourceDocument, stored: Sequence[Stored | None], wanted: Wanted) -> Found:
    rows = [dict(seed.document["data"]) for seed in stored if seed is not None]
    sample = rows[: wanted.sample]
    return Found(
        kind=source.kind,
        columns=columns_of(sample, None),
        rows=[shown(row) for row in sample[: wanted.rows]],
        looked_at=len(sample),
        complete=len(rows) <= wanted.sample,
    )
