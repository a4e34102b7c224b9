"""Pages, samples and counts of records, of a job or of a version of a dataset, also while they are made."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synthmill.errors import UserError
from synthmill.jobs.documents import get_job
from synthmill.jobs.release.versions import shown_in, version_wanted
from synthmill.ports.records import Collection, Condition, Page, Place, Query, RecordStore, Where
from synthmill.recipes.compile import recompile
from synthmill.records.fields import Fields
from synthmill_schemas.base import JsonObject
from synthmill_schemas.job import JobDocument


@dataclass(frozen=True, slots=True)
class Records:
    """Which records: those of `place` that meet `where`, with the fields of a schema."""

    place: Place
    where: Where
    record_schema: JsonObject


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sample: so many at most, the same for the same seed."""

    size: int
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Search:
    """What is wanted of records; a sample has no order and no pages."""

    text: str | None = None
    filters: Sequence[str] = ()
    facets: Sequence[str] = ()
    fields: Sequence[str] = ()
    sort: str | None = None
    limit: int = 100
    cursor: str | None = None
    sample: Drawn | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A page of records, the fields to show of each (none: all), and counts by value for each facet."""

    page: Page
    fields: Sequence[str]
    facets: Mapping[str, Mapping[str, int]]


def of_job(job: JobDocument) -> Records:
    """The records that a job has so far."""
    place = Place(job.tenant, Collection.RECORDS, job.dataset)
    return Records(place, {"job_id": job.job_id}, _schema_of(job))


async def of_version(store: RecordStore, tenant: str, dataset: str, number: int | None) -> Records:
    """The records that a version shows, the latest by default; fields are those of its own job's recipe.

    `DatasetMissing` when there is no such version.
    """
    version = await version_wanted(store, tenant, dataset, number)
    job = (await get_job(store, tenant, version.job_id)).document
    return Records(Place(tenant, Collection.RECORDS, dataset), shown_in(version.number), _schema_of(job))


_MOST_SCHEMAS = 256
_schemas: OrderedDict[str, JsonObject] = OrderedDict()
"""By the hash of the recipe: compiling one anew takes several times as long as asking the store."""


def _schema_of(job: JobDocument) -> JsonObject:
    schema = _schemas.get(job.recipe_hash)
    if schema is None:
        schema = _schemas[job.recipe_hash] = recompile(job.recipe).record_schema
        while len(_schemas) > _MOST_SCHEMAS:
            _schemas.popitem(last=False)
    return schema


async def search(store: RecordStore, records: Records, wanted: Search) -> Found:
    """Those that match, in the order of their slots unless sorted by a field; or a sample of them.

    `FieldUnknown` and `FilterUnusable` when the question does not fit the records.
    """
    if wanted.sample is not None and (wanted.sort is not None or wanted.cursor is not None):
        raise UserError("a sample is in random order and has no pages: leave out sort and cursor, or sample")
    fields = Fields(records.record_schema)
    where: dict[str, Condition] = {**records.where, **fields.where(wanted.filters)}
    paths = {name: fields.path(name) for name in wanted.facets}
    shown = fields.shown(wanted.fields)
    sort = _sort(fields, wanted.sort)
    await store.visible(records.place)
    if wanted.sample is not None:
        drawn = wanted.sample
        page = await store.sample(records.place, drawn.size, drawn.seed, where, text=wanted.text)
    else:
        query = Query(where, wanted.text, sort, wanted.limit, wanted.cursor)
        page = await store.search(records.place, query)
    facets = {name: await store.facets(records.place, path, where, text=wanted.text) for name, path in paths.items()}
    return Found(page, shown, facets)


def _sort(fields: Fields, wanted: str | None) -> str:
    if wanted is None:
        return "slot"
    sign = "-" if wanted.startswith("-") else ""
    return sign + fields.path(wanted.removeprefix("-"))
