"""Publishes a round's generation requests in chunks, each confirmed and checkpointed (design laws 3 and 4)."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass

from synthmill import tracing
from synthmill.jobs.account import open_account
from synthmill.jobs.documents import Changes, change_job, trace_of, turn_of
from synthmill.jobs.events import Service, say
from synthmill.jobs.prices import price_of
from synthmill.jobs.refresh import compiled_for, seed_sets
from synthmill.jobs.rounds import attempts_allowed
from synthmill.jobs.status import FINAL_CLASSES
from synthmill.jobs.unit import Unit
from synthmill.planning.requests import Planned, Planner
from synthmill.planning.seeds import SeedSpace, resolve_records
from synthmill.ports.broker import Message, Queue
from synthmill.ports.records import Collection, Place, RecordStore, Write, WriteMode
from synthmill.recipes.compiled import CompiledRecipe
from synthmill.services import Services
from synthmill.tracing import Trace
from synthmill_schemas.budget import Budget
from synthmill_schemas.generation import GenerationRequest
from synthmill_schemas.ids import job_message_id, record_id
from synthmill_schemas.job import RUNNING_STATES, JobDocument, JobState, PlanCheckpoint
from synthmill_schemas.recipe import Model
from synthmill_schemas.seed import SeedDocument
from synthmill_schemas.slot import RejectClass, SlotDocument, SlotState

_LOOK_AHEAD = 1_000  # slots whose documents are read at a time to see which are open


class RoundOver(Exception):
    """The job was stopped or went on to another round while we planned this one."""


@dataclass(frozen=True, slots=True)
class _Round:
    services: Services
    job: JobDocument
    compiled: CompiledRecipe
    planner: Planner
    trace: Trace

    @property
    def slots(self) -> Place:
        return Place(self.job.tenant, Collection.SLOTS, self.job.dataset)


async def plan_round(services: Services, job: JobDocument, unit: Unit | None = None, *, by: Service = "worker") -> None:
    """Publishes what the job's round still lacks, then moves the job to `planned`.

    The caller holds the planner lease and has stored all seeds. Raises `RoundOver` when the job was stopped, and
    `UnitOver` when the unit's time is up before all is published.
    """
    round_ = await _begin(services, job)
    while True:
        await _publish_all(round_, unit or Unit())
        after = await _ended(round_)
        if after.state is JobState.PLANNED:
            break
        round_ = await _begin(services, after)  # it was extended meanwhile: go on behind our last slot
    await say(
        services.store,
        by,
        "job.planned",
        f"job {job.job_id} round {job.round} planned: {round_.job.records} records",
        tenant=job.tenant,
        job_id=job.job_id,
        event_id=f"{job.job_id}-{turn_of(round_.job)}-planned",
    )


async def _begin(services: Services, job: JobDocument) -> _Round:
    compiled = compiled_for(job)
    space = SeedSpace(seed_sets(job), compiled.recipe.seeds, compiled.recipe.seed)
    records = job.records or resolve_records(compiled, space)
    if job.budget is not None:
        await open_account(services.store, job)
    await services.store.ensure_dataset(job.tenant, job.dataset, compiled.record_schema, job_id=job.job_id)
    if job.records is None:
        attempts = attempts_allowed(compiled.recipe.target, candidates=0, open_slots=records)
        job = await _advance(services, job, {"records": records, "max_attempts": attempts})
    planner = Planner(compiled, job.tenant, job.job_id, records, space, job.earlier_records)
    trace = trace_of(job).child(job_message_id(job.job_id, job.round))
    return _Round(services, job, compiled, planner, trace)


async def _publish_all(round_: _Round, unit: Unit) -> None:
    """Chunk by chunk, from the checkpoint on. A unit ends between chunks only, so that requests keep their slots."""
    job, chunk = round_.job, list[int]()
    full = round_.services.settings.worker.publish_chunk * round_.compiled.recipe.batch
    start = job.checkpoint.next_slot if job.checkpoint and job.checkpoint.round == job.round else 0
    async for block, open_slots in _blocks(round_, start):
        for slot in open_slots:
            chunk.append(slot)
            if len(chunk) == full:
                await _publish(round_, chunk)
                chunk.clear()
                unit.end_if_over()
        if not chunk and unit.over:
            await _note(round_, block.stop)
            unit.end_if_over()
    await _publish(round_, chunk)


async def _blocks(round_: _Round, start: int) -> AsyncIterator[tuple[range, Iterable[int]]]:
    """The round's slots in order, each block with those to publish: all at first, later what may still be filled."""
    records = round_.job.records or 0
    for first in range(start, records, _LOOK_AHEAD):
        block = range(first, min(first + _LOOK_AHEAD, records))
        yield block, block if round_.job.round == 1 else await _open_slots(round_, block)


async def _open_slots(round_: _Round, block: range) -> list[int]:
    ids = [record_id(round_.job.job_id, slot) for slot in block]
    stored = await round_.services.store.get_many(round_.slots, ids)
    return [
        slot
        for slot, document in zip(block, stored, strict=True)
        if document is None or _is_open(round_.job, document.document)
    ]


def _is_open(job: JobDocument, slot: dict[str, object]) -> bool:
    if slot["state"] != SlotState.EXHAUSTED:
        return False
    if job.round_scope == "replayed":
        return slot["round"] == job.round - 1
    return job.round_scope == "all" or slot["reject_class"] not in FINAL_CLASSES


async def _publish(round_: _Round, slots: Sequence[int]) -> None:
    """Publishes one chunk and notes how far we came; repeated after a crash it carries the same ids."""
    if not slots:
        return
    seeds = await _seeds(round_, slots)
    planned, messages = await asyncio.to_thread(_made, round_, slots, seeds)  # others are served meanwhile
    await _park(round_, planned)
    await round_.services.broker.publish(Queue.GENERATION, messages)
    await _note(round_, slots[-1] + 1)


def _made(
    round_: _Round, slots: Sequence[int], seeds: Mapping[str, SeedDocument]
) -> tuple[list[Planned], list[Message]]:
    planned = [round_.planner.request(round_.job.round, group, seeds) for group in round_.planner.chunks(slots)]
    return planned, [_message(round_, plan.request) for plan in planned if plan.request is not None]


async def _note(round_: _Round, next_slot: int) -> None:
    checkpoint = PlanCheckpoint(round=round_.job.round, next_slot=next_slot)
    await _advance(round_.services, round_.job, {"checkpoint": checkpoint})


async def _ended(round_: _Round) -> JobDocument:
    """The job, planned; or, with a greater N than we planned for, as it was."""
    services, job = round_.services, round_.job

    def decide(current: JobDocument) -> Changes:
        _require_wanted(current, job)
        if current.records == job.records:
            return {"state": JobState.PLANNED, "reason": None}
        return {"checkpoint": PlanCheckpoint(round=job.round, next_slot=job.records or 0)}

    return (await change_job(services.store, job.tenant, job.job_id, decide)).document


def _message(round_: _Round, request: GenerationRequest) -> Message:
    """The request with what the job knows; its trace stands in the body too, which is all that `--stdio` gets."""
    trace = str(round_.trace.child(request.request_id))
    told = {"max_attempts": round_.job.max_attempts, "traceparent": trace, **_budgeted(round_.job, request)}
    whole = request.model_copy(update=told)
    return Message(request.request_id, round_.planner.encode(whole), {tracing.HEADER: trace})


def _budgeted(job: JobDocument, request: GenerationRequest) -> dict[str, object]:
    """What a request says of its job's caps, and of the price that its calls are reserved by."""
    if job.budget is None or request.model is None:
        return {}
    caps = Budget(max_usd=job.budget.max_usd, max_tokens=job.budget.max_tokens)
    model = request.model
    known = price_of(Model(route=model.route, base_url=model.base_url, price=model.price))
    return {"budget": caps, "model": model.model_copy(update={"price": known.price if known else None})}


async def _seeds(round_: _Round, slots: Sequence[int]) -> dict[str, SeedDocument]:
    ids = sorted(set(round_.planner.addresses(slots)))
    stored = await round_.services.store.get_many(Place(round_.job.tenant, Collection.INPUTS), ids)
    return {document.id: SeedDocument.model_validate(document.document) for document in stored if document is not None}


async def _park(round_: _Round, planned: Sequence[Planned]) -> None:
    """A slot whose tuple cannot be made is parked: no round could mend it."""
    documents = [
        SlotDocument(
            tenant=round_.job.tenant,
            dataset=round_.job.dataset,
            job_id=round_.job.job_id,
            record_id=record_id(round_.job.job_id, fault.slot),
            slot=fault.slot,
            state=SlotState.PARKED,
            round=round_.job.round,
            reject_class=RejectClass.INPUT,
            reason=fault.reason,
            seed_id=fault.seed.seed_id if fault.seed else None,
            lineage=fault.seed.lineage if fault.seed else None,
        )
        for plan in planned
        for fault in plan.faults
    ]
    await _bulk_slots(round_.services.store, round_.slots, documents)


async def _bulk_slots(store: RecordStore, place: Place, documents: Sequence[SlotDocument]) -> None:
    if documents:
        await store.bulk(
            [Write(place, d.record_id, d.model_dump(mode="json"), WriteMode.RANKED, d.rank) for d in documents]
        )


async def _advance(services: Services, job: JobDocument, changes: Changes) -> JobDocument:
    def decide(current: JobDocument) -> Changes:
        _require_wanted(current, job)
        return changes

    return (await change_job(services.store, job.tenant, job.job_id, decide)).document


def _require_wanted(current: JobDocument, job: JobDocument) -> None:
    if current.round != job.round or current.state not in RUNNING_STATES:
        raise RoundOver(f"job {current.job_id} is {current.state} in round {current.round}")
