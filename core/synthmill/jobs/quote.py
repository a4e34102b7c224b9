"""Quotes: a small job over the first slots of the real one, and what the whole would take by them.

The records of a quote are in a dataset of their own and claim no content, so that neither the dataset nor a later
quote meets them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from synthmill.jobs.documents import get_job
from synthmill.jobs.order import InputFile, JobOrder
from synthmill.jobs.status import Status, job_status
from synthmill.ports.records import Collection, Place, Write
from synthmill.recipes.compile import recompile
from synthmill.recipes.compiled import CompiledRecipe
from synthmill.services import Services
from synthmill_schemas.job import JobDocument, JobPurpose
from synthmill_schemas.ledger import CallOutcome
from synthmill_schemas.quote import Interval, QuoteReport
from synthmill_schemas.recipe import CategorySampler, SamplerColumn

_SUFFIX = "-quote"
_LONGEST_NAME = 63
_Z = 1.96  # of a normal distribution: 19 of 20 cases lie within


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
    status = await job_status(services.store, tenant, job_id)
    report = await _reckoned(services, job, status, _Sample(await _paid(services, job), status.accepted))
    place = Place(tenant, Collection.REPORTS)
    await services.store.bulk([Write(place, report.report_id, report.model_dump(mode="json"))])
    return report


@dataclass(slots=True)
class _Paid:
    """What the calls took, each list by call."""

    prompt: list[float] = field(default_factory=list)
    completion: list[float] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    unpriced: int = 0


@dataclass(frozen=True, slots=True)
class _Sample:
    paid: _Paid
    accepted: int

    def of_all(self, by_call: Sequence[float], records: int, at_a_time: int = 1) -> Interval | None:
        """The sum for so many records, if their calls are like these; failed ones are paid as well."""
        if not self.accepted or not by_call:
            return None
        calls = records * len(by_call) / self.accepted
        mean = sum(by_call) / len(by_call)
        spread = math.sqrt(sum((each - mean) ** 2 for each in by_call) / max(1, len(by_call) - 1))
        error = _Z * spread / math.sqrt(len(by_call))
        share = calls / at_a_time
        return Interval(expected=mean * share, low=max(0.0, mean - error) * share, high=(mean + error) * share)


async def _paid(services: Services, job: JobDocument) -> _Paid:
    calls, paid = Place(job.tenant, Collection.CALLS), _Paid()
    async for stored in services.store.scan(calls, {"job_id": job.job_id, "outcome": CallOutcome.ANSWERED.value}):
        call = stored.document
        paid.prompt.append(call["prompt_tokens"])
        paid.completion.append(call["completion_tokens"])
        paid.seconds.append(call["latency_ms"] / 1_000)
        if call["cost_usd"] is None:
            paid.unpriced += 1
        else:
            paid.cost.append(call["cost_usd"])
    return paid


async def _reckoned(services: Services, job: JobDocument, status: Status, sample: _Sample) -> QuoteReport:
    records, paid = _wanted(job), sample.paid
    return QuoteReport(
        tenant=job.tenant,
        report_id=f"quote-{job.job_id}",
        job_id=job.job_id,
        dataset=str(job.labels.get("quote_of", job.dataset)),
        records=records,
        slots=status.requested,
        accepted=status.accepted,
        candidates=status.candidates,
        llm_calls=status.llm_calls,
        acceptance=proportion(status.accepted, status.candidates),
        prompt_tokens=sample.of_all(paid.prompt, records),
        completion_tokens=sample.of_all(paid.completion, records),
        cost_usd=None if paid.unpriced else sample.of_all(paid.cost, records),
        seconds=sample.of_all(paid.seconds, records, services.settings.consumer.concurrency),
    )


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
