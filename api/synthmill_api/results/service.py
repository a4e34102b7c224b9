"""Reads what a job made; every read names the tenant and the job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synthmill.jobs.export.stream import records_of
from synthmill.ports.records import Collection, Condition, Document, Page, Place, Query, Where
from synthmill.recipes import recompile
from synthmill.services import Services
from synthmill_api.errors import Code, Refused
from synthmill_api.results.fields import Fields
from synthmill_schemas.job import JobDocument

_MOST_ATTEMPTS = 1_000  # max_attempts x max_rounds may be more; nobody reads them one by one


@dataclass(frozen=True, slots=True)
class Search:
    """What is wanted of a job's records."""

    text: str | None
    filters: Sequence[str]
    facets: Sequence[str]
    sort: str | None
    limit: int
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """A page of records, and counts by value for each facet."""

    page: Page
    facets: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Story:
    """A record and everything that led to it."""

    record: Document
    seed: Document | None
    call: Document | None
    rejects: Sequence[Document]


async def search(services: Services, job: JobDocument, wanted: Search, *, within: Where | None = None) -> Found:
    """Records that match; in the order of their slots unless sorted by a field.

    Of the job, or `within` those of its dataset that meet this condition.
    """
    fields = Fields(recompile(job.recipe).record_schema)
    where: dict[str, Condition] = {**(within or {"job_id": job.job_id}), **fields.where(wanted.filters)}
    paths = {name: fields.path(name) for name in wanted.facets}
    if paths and wanted.text is not None:
        raise Refused(Code.INVALID_REQUEST, "facets count by filters, not by words: leave q out to have them")
    place = records_of(job)
    await services.store.visible(place)
    query = Query(where, wanted.text, _sort(fields, wanted.sort), wanted.limit, wanted.cursor)
    page = await services.store.search(place, query)
    return Found(page, {name: await services.store.facets(place, path, where) for name, path in paths.items()})


def _sort(fields: Fields, wanted: str | None) -> str:
    if wanted is None:
        return "slot"
    sign = "-" if wanted.startswith("-") else ""
    return sign + fields.path(wanted.removeprefix("-"))


async def story(services: Services, job: JobDocument, record_id: str) -> Story:
    """One record with its whole lineage, or a 404."""
    stored = await services.store.get(records_of(job), record_id)
    if stored is None or stored.document["job_id"] != job.job_id:
        raise Refused(Code.NOT_FOUND, f"job {job.job_id} has no record {record_id}")
    record = stored.document
    rejects = Place(job.tenant, Collection.REJECTS)
    await services.store.visible(rejects)
    attempts = await services.store.search(
        rejects, Query({"job_id": job.job_id, "record_id": record_id}, sort="at", limit=_MOST_ATTEMPTS)
    )
    return Story(record, await _seed(services, job, record), await _call(services, job, record), _documents(attempts))


async def _seed(services: Services, job: JobDocument, record: Document) -> Document | None:
    sets = [source.seed_set for source in job.sources if source.seed_set is not None]
    if record["seed_id"] is None or not sets:
        return None
    place = Place(job.tenant, Collection.INPUTS)
    await services.store.visible(place)
    page = await services.store.search(place, Query({"seed_id": record["seed_id"], "seed_set": sets}, limit=1))
    return page.hits[0].document if page.hits else None


async def _call(services: Services, job: JobDocument, record: Document) -> Document | None:
    call_id = record["provenance"]["call_id"]
    if call_id is None:
        return None
    stored = await services.store.get(Place(job.tenant, Collection.CALLS), call_id)
    return None if stored is None or stored.document["job_id"] != job.job_id else stored.document


async def ledger(services: Services, job: JobDocument, collection: Collection, query: Query) -> Page:
    """A page of the job's rejects or events."""
    place = Place(job.tenant, collection)
    await services.store.visible(place)
    where = {**query.where, "job_id": job.job_id}
    return await services.store.search(place, Query(where, query.text, "at", query.limit, query.cursor))


def _documents(page: Page) -> list[Document]:
    return [hit.document for hit in page.hits]
