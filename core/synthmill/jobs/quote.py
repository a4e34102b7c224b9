"""Quotes: a small job over the first slots of the real one, and what the whole would take by them.

The records of a quote are in a dataset of their own and claim no content, so that neither the dataset nor a later
quote meets them.
"""

import math
from collections.abc import Sequence
from typing import Literal

from synthmill.jobs.documents import get_job
from synthmill.jobs.order import InputFile, JobOrder
from synthmill.jobs.prices import Priced, price_of
from synthmill.jobs.sample import Sample
from synthmill.jobs.status import Status, count_job
from synthmill.ports.records import Collection, Place, RecordStore, Write
from synthmill.recipes.compile import recompile
from synthmill.recipes.compiled import CompiledRecipe
from synthmill.services import Services
from synthmill_schemas.budget import PriceSource
from synthmill_schemas.job import JobDocument, JobPurpose
from synthmill_schemas.ledger import CallOutcome
from synthmill_schemas.quote import Interval, QuoteReport
from synthmill_schemas.recipe import CategorySampler, SamplerColumn
from synthmill_schemas.slot import SlotState

_SUFFIX = "-quote"
_LONGEST_NAME = 63
_Z = 1.96  # of a normal distribution: 19 of 20 cases lie within
_METHOD = (
    "95 % intervals: acceptance by Wilson's score; sums by the ratio of what requests took to what they gave, with "
    "Student's t over requests"
)


def quote_order(
    tenant: str, job_id: str, whole: CompiledRecipe, inputs: Sequence[InputFile], slots: int, flow_run_id: str | None
) -> JobOrder:
    """The order of the small job: the same columns, model and input, in one round."""
    recipe = whole.recipe
    wanted = min(slots, recipe.target.records or slots)
    target = recipe.target.model_copy(update={"records": wanted, "max_rounds": 1, "max_candidates": None})
    small = recipe.model_copy(
        update={
            "name": recipe.name[: _LONGEST_NAME - len(_SUFFIX)] + _SUFFIX,
            "target": target,
            "unique": [],
            "gate": None,
            # exact shares of a few records are none
            "columns": [_plain(column) if isinstance(column, SamplerColumn) else column for column in recipe.columns],
        }
    )
    labels = {"quote_of": recipe.name, "quote_records": recipe.target.records}
    return JobOrder(tenant, job_id, recompile(small), inputs, labels, purpose=JobPurpose.QUOTE, flow_run_id=flow_run_id)


async def make_quote(services: Services, tenant: str, job_id: str) -> QuoteReport:
    """What the whole would take, reckoned and stored; done again it is reckoned anew from the same facts."""
    job = (await get_job(services.store, tenant, job_id)).document
    report = await _reckoned(services, job, await count_job(services.store, job))
    place = Place(tenant, Collection.REPORTS)
    await services.store.bulk([Write(place, report.report_id, report.model_dump(mode="json"))])
    return report


async def find_quote(store: RecordStore, tenant: str, job_id: str) -> QuoteReport | None:
    """What was reckoned before."""
    stored = await store.get(Place(tenant, Collection.REPORTS), _report_id(job_id))
    return None if stored is None else QuoteReport.model_validate(stored.document)


async def _reckoned(services: Services, job: JobDocument, status: Status) -> QuoteReport:
    records, sample = _wanted(job), await _sample(services, job)
    cost = None if sample.unpriced else sample.of_all("cost", records)
    model = job.recipe.model
    known = None if model is None else price_of(model)
    return QuoteReport(
        tenant=job.tenant,
        report_id=_report_id(job.job_id),
        job_id=job.job_id,
        dataset=str(job.labels.get("quote_of", job.dataset)),
        records=records,
        slots=status.requested,
        accepted=status.accepted,
        candidates=status.candidates,
        llm_calls=status.llm_calls,
        acceptance=proportion(status.accepted, status.candidates),
        prompt_tokens=sample.of_all("prompt", records),
        completion_tokens=sample.of_all("completion", records),
        cost_usd=cost,
        cost_usd_per_record=None if cost is None else sample.of_all("cost", 1),
        price_source=_price_source(sample, known),
        price=known.price if known else None,
        seconds=sample.of_all("seconds", records, services.settings.consumer.concurrency),
        method=_METHOD,
    )


def _report_id(job_id: str) -> str:
    return f"quote-{job_id}"


async def _sample(services: Services, job: JobDocument) -> Sample:
    """What each request's answered calls took and how many records they gave; failed tries are paid as well."""
    sample, calls = Sample(), Place(job.tenant, Collection.CALLS)
    request_of: dict[str, str] = {}
    async for stored in services.store.scan(calls, {"job_id": job.job_id, "outcome": CallOutcome.ANSWERED.value}):
        sample.add(stored.document)
        request_of[stored.document["call_id"]] = stored.document["request_id"]
    slots = Place(job.tenant, Collection.SLOTS, job.dataset)
    async for stored in services.store.scan(slots, {"job_id": job.job_id, "state": SlotState.ACCEPTED.value}):
        made_by = request_of.get(str((stored.document["provenance"] or {}).get("call_id")))
        if made_by is not None:
            sample.requests[made_by].accepted += 1
    return sample


def _price_source(sample: Sample, known: Priced | None) -> PriceSource | Literal["provider"] | None:
    """Who said what the calls cost: where it is not what the price says, they did themselves."""
    if sample.unpriced or not sample.requests:
        return None
    if known is None:
        return "provider"
    price = known.price
    by_price = sum(
        one.prompt * price.input_per_million + one.completion * price.output_per_million
        for one in sample.requests.values()
    )
    told = sum(one.cost for one in sample.requests.values())
    return known.source if math.isclose(by_price / 1e6, told, rel_tol=1e-6, abs_tol=1e-9) else "provider"


def _wanted(job: JobDocument) -> int:
    """N of the whole: what its recipe says, else as many as its seeds give."""
    said = job.labels.get("quote_records")
    if isinstance(said, int):
        return said
    return sum(source.seeds or 0 for source in job.sources) * job.recipe.seeds.records_per_seed


def proportion(hits: int, tries: int) -> Interval | None:
    """Wilson's interval, which holds for few tries and for shares near 0 and 1."""
    if tries < 1:
        return None
    share, square = hits / tries, _Z * _Z
    middle = (share + square / (2 * tries)) / (1 + square / tries)
    half = _Z / (1 + square / tries) * math.sqrt(share * (1 - share) / tries + square / (4 * tries * tries))
    return Interval(expected=share, low=max(0.0, middle - half), high=min(1.0, middle + half))


def _plain(column: SamplerColumn) -> SamplerColumn:
    if not isinstance(column.sampler, CategorySampler) or column.sampler.quota == "none":
        return column
    return column.model_copy(update={"sampler": column.sampler.model_copy(update={"quota": "none"})})
