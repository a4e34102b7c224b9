"""The accounting identity of a job, counted from facts: requested = accepted + exhausted + parked + pending."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from synthmill.jobs.documents import get_job
from synthmill.ports.records import Collection, Place, Range, RecordStore, Where
from synthmill_schemas.job import RUNNING_STATES, JobDocument, JobState, Outputs
from synthmill_schemas.ledger import CallOutcome
from synthmill_schemas.slot import MENDABLE, RejectClass, SlotState

FINAL_CLASSES = sorted(set(RejectClass) - MENDABLE)
"""Reject classes that another round cannot mend."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of all calls that were answered."""

    prompt: int
    completion: int


@dataclass(frozen=True, slots=True)
class Status:
    """A job at one moment. `requested` is 0 while N is not known yet."""

    job_id: str
    dataset: str
    state: JobState
    reason: str | None
    round: int
    requested: int
    accepted: int
    exhausted: int
    parked: int
    open_in_round: int
    mendable: int
    candidates: int
    rejects_by_class: Mapping[str, int]
    llm_calls: int
    tokens: Tokens
    cost_usd: float | None  # None: an answered call did not say what it cost
    seconds: float
    outputs: tuple[Outputs, ...] = field(default=())
    flow_run_id: str | None = None

    @property
    def pending(self) -> int:
        """Slots without an outcome; the rest of the identity, never below 0."""
        return max(0, self.requested - self.accepted - self.exhausted - self.parked)

    @property
    def running(self) -> bool:
        """Whether services may still work on it."""
        return self.state in RUNNING_STATES

    @property
    def facts(self) -> tuple[int, ...]:
        """Changes whenever anything durable happened; a job whose facts stand still has stalled."""
        rejects = sum(self.rejects_by_class.values())
        return (self.round, self.accepted, self.exhausted, self.parked, rejects, self.llm_calls)


async def job_status(store: RecordStore, tenant: str, job_id: str) -> Status:
    """Counts everything anew; exact after the refresh that it asks for."""
    return await count_job(store, (await get_job(store, tenant, job_id)).document)


async def count_job(store: RecordStore, job: JobDocument) -> Status:
    """The same for a job that was just read."""
    tenant, job_id = job.tenant, job.job_id
    slots = Place(tenant, Collection.SLOTS, job.dataset)
    rejects, calls = Place(tenant, Collection.REJECTS), Place(tenant, Collection.CALLS)
    await store.visible(slots, rejects, calls)
    of_job: Where = {"job_id": job_id}
    # they need nothing of each other, and so go to the store together
    (states, closed, final), by_class, paid, answered = await asyncio.gather(
        _count_slots(store, slots, job),
        store.facets(rejects, "reject_class", of_job),
        store.totals(calls, ["prompt_tokens", "completion_tokens", "cost_usd"], of_job),
        store.totals(calls, ["cost_usd"], {**of_job, "outcome": CallOutcome.ANSWERED.value}),
    )
    exhausted, accepted, parked = (states.get(state, 0) for state in _COUNTED)
    bad_rows = by_class.get(RejectClass.INPUT, 0)
    return Status(
        job_id=job_id,
        dataset=job.dataset,
        state=job.state,
        reason=job.reason,
        round=job.round,
        requested=job.records or 0,
        accepted=accepted,
        exhausted=exhausted,
        parked=parked,
        open_in_round=max(0, (job.records or 0) - accepted - parked - closed),
        mendable=exhausted - final,
        candidates=accepted + sum(by_class.values()) - bad_rows,
        rejects_by_class=by_class,
        llm_calls=paid.count,
        tokens=Tokens(int(paid.sums["prompt_tokens"]), int(paid.sums["completion_tokens"])),
        cost_usd=paid.sums["cost_usd"] if answered.held["cost_usd"] == answered.count else None,
        seconds=(job.updated_at - job.created_at).total_seconds(),
        outputs=tuple(job.outputs),
        flow_run_id=job.flow_run_id,
    )


_COUNTED = (SlotState.EXHAUSTED, SlotState.ACCEPTED, SlotState.PARKED)


async def _count_slots(store: RecordStore, slots: Place, job: JobDocument) -> tuple[Mapping[str, int], int, int]:
    """Slots by state; of the exhausted ones those closed in this round, and those that no round can mend."""
    states = await store.facets(slots, "state", {"job_id": job.job_id})
    closed, final = await _exhausted_split(store, slots, job) if states.get(SlotState.EXHAUSTED) else (0, 0)
    return states, closed, final


async def _exhausted_split(store: RecordStore, slots: Place, job: JobDocument) -> tuple[int, int]:
    """Exhausted slots that this round will not touch again, and those that no round can mend."""
    exhausted: Where = {"job_id": job.job_id, "state": SlotState.EXHAUSTED.value}
    closed: list[Where] = [{**exhausted, "round": job.round}]
    if job.round_scope == "mendable":
        closed.append({**exhausted, "round": Range(high=job.round - 1), "reject_class": FINAL_CLASSES})
    if job.round_scope == "replayed":  # only those marked in the round before are tried
        closed.append({**exhausted, "round": Range(high=job.round - 2)})
    final, *counts = await asyncio.gather(
        store.count(slots, {**exhausted, "reject_class": FINAL_CLASSES}), *(store.count(slots, each) for each in closed)
    )
    return sum(counts), final
