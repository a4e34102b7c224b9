"""How fast a job comes along, when it should be done, and its numbers by round and by class; all from facts."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from synthmill.jobs.status import Status
from synthmill.ports.records import Collection, Place, Range, RecordStore, Where
from synthmill_schemas.base import now
from synthmill_schemas.job import RUNNING_STATES, JobDocument, JobState
from synthmill_schemas.slot import RejectClass, SlotState

WINDOW_SECONDS = 300.0
"""Over so long a rate is taken, or since the job runs, if that is less."""

_FEWEST = 5  # with fewer a rate is a guess, and a time reckoned from it would be one as well
_PAID = ["prompt_tokens", "completion_tokens", "cost_usd"]


@dataclass(frozen=True, slots=True)
class Round:
    """What one round came to. `cost_usd` sums what is known."""

    round: int
    accepted: int
    rejected: int
    llm_calls: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float


@dataclass(frozen=True, slots=True)
class Progress:
    """`accepted_per_minute`: None for a job that does not run; `eta_seconds`: None when nobody can know it."""

    accepted_per_minute: float | None
    eta_seconds: float | None
    given_up_by_class: Mapping[str, int]
    rounds: tuple[Round, ...]


async def job_progress(store: RecordStore, job: JobDocument, status: Status) -> Progress:
    """Of a job whose status was counted just before, so that what was written by then is seen."""
    given_up, rounds, rate = await asyncio.gather(
        _given_up(store, job, status), _rounds(store, job, status), _rate(store, job, status)
    )
    return Progress(None if rate is None else rate.per_minute, _eta(status, rate), given_up, rounds)


@dataclass(frozen=True, slots=True)
class _Rate:
    accepted: int
    seconds: float

    @property
    def per_minute(self) -> float:
        return 60 * self.accepted / self.seconds


def running_since(job: JobDocument) -> datetime:
    """When it was begun, or went on after its last rest."""
    since = job.created_at
    for before, after in zip(job.history, job.history[1:], strict=False):
        if before.state is not JobState.CREATED and before.state not in RUNNING_STATES:
            since = after.at
    return since


async def _rate(store: RecordStore, job: JobDocument, status: Status) -> _Rate | None:
    if not status.running:
        return None
    moment = now()
    since = max(running_since(job), moment - timedelta(seconds=WINDOW_SECONDS))
    where: Where = {
        "job_id": job.job_id,
        "state": SlotState.ACCEPTED.value,
        "written_at": Range(low=since.isoformat()),
    }
    accepted = await store.count(_slots(job), where) if status.accepted else 0
    return _Rate(accepted, max(1.0, (moment - since).total_seconds()))


def _eta(status: Status, rate: _Rate | None) -> float | None:
    """Without the slots that no round can mend; those that another round may mend count as open."""
    if rate is None or not status.requested or rate.accepted < _FEWEST:
        return None
    final = status.exhausted - status.mendable
    left = status.requested - status.accepted - status.parked - final
    return max(0, left) / rate.per_minute * 60


async def _given_up(store: RecordStore, job: JobDocument, status: Status) -> Mapping[str, int]:
    if not status.exhausted + status.parked:
        return {}
    where: Where = {"job_id": job.job_id, "state": [SlotState.EXHAUSTED.value, SlotState.PARKED.value]}
    return await store.facets(_slots(job), "reject_class", where)


async def _rounds(store: RecordStore, job: JobDocument, status: Status) -> tuple[Round, ...]:
    if job.round == 1:  # as most jobs: all that was counted is of this round
        tokens, cost = status.tokens, status.cost_usd
        known = cost if cost is not None else await _known_cost(store, job)
        failed = status.candidates - status.accepted
        return (Round(1, status.accepted, failed, status.llm_calls, tokens.prompt, tokens.completion, known),)
    of_job: Where = {"job_id": job.job_id}
    judged = [each.value for each in RejectClass if each is not RejectClass.INPUT]
    rejects, calls = Place(job.tenant, Collection.REJECTS), Place(job.tenant, Collection.CALLS)
    accepted, rejected, called = await asyncio.gather(
        store.facets(_slots(job), "round", {**of_job, "state": SlotState.ACCEPTED.value}, limit=job.round),
        store.facets(rejects, "round", {**of_job, "reject_class": judged}, limit=job.round),
        store.facets(calls, "round", of_job, limit=job.round),
    )
    seen = sorted({job.round, *map(int, [*accepted, *rejected, *called])})
    counted = (_round(store, job, n, accepted.get(str(n), 0), rejected.get(str(n), 0)) for n in seen)
    return tuple(await asyncio.gather(*counted))


async def _round(store: RecordStore, job: JobDocument, round_: int, accepted: int, rejected: int) -> Round:
    calls = Place(job.tenant, Collection.CALLS)
    paid = await store.totals(calls, _PAID, {"job_id": job.job_id, "round": round_})
    prompt, completion = int(paid.sums["prompt_tokens"]), int(paid.sums["completion_tokens"])
    return Round(round_, accepted, rejected, paid.count, prompt, completion, paid.sums["cost_usd"])


async def _known_cost(store: RecordStore, job: JobDocument) -> float:
    paid = await store.totals(Place(job.tenant, Collection.CALLS), ["cost_usd"], {"job_id": job.job_id})
    return paid.sums["cost_usd"]


def _slots(job: JobDocument) -> Place:
    return Place(job.tenant, Collection.SLOTS, job.dataset)
