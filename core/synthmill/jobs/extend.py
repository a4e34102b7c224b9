"""Gives a job more slots: those it has stay as they are, the new ones are planned behind them (decision 0022).

A job whose requests are out goes on in the round that it is in, behind its last slot; one that has ended goes on in a
round of its own; one that rests keeps resting, and resuming it plans the new slots with all that are open.
"""

import dataclasses

from synthmill.errors import UserError
from synthmill.jobs.advance import TERMINAL_STATES
from synthmill.jobs.documents import Changes, change_job, get_job
from synthmill.jobs.events import Service, say
from synthmill.jobs.refresh import compiled_for, seed_sets
from synthmill.jobs.rounds import REPLAY_ROUNDS, attempts_allowed
from synthmill.jobs.status import Status, count_job
from synthmill.jobs.submit import publish
from synthmill.planning.seeds import SeedSpace, resolve_records
from synthmill.runs.wishes import Wish, wanted
from synthmill.services import Services
from synthmill_schemas.job import JobDocument, JobPurpose, JobState, PlanCheckpoint

_RESTING = frozenset({JobState.PAUSED, JobState.BLOCKED})


async def extend(services: Services, tenant: str, job_id: str, records: int, *, by: Service) -> JobDocument:
    """The job with so many records in all; with as many as it has, it is left as it is.

    Raises `UserError`, before anything is changed, for a job that cannot have them: N is not known yet, it would
    shrink, it was cancelled, its seeds or its caps do not allow it.
    """
    job = (await get_job(services.store, tenant, job_id)).document
    if records == job.records:
        return job
    _require_extendable(job, records)
    _require_seeds(job, records)
    status = await count_job(services.store, job)
    attempts = _attempts(job, status, records)

    def decide(current: JobDocument) -> Changes | None:
        same = (current.records, current.round, current.state) == (job.records, job.round, job.state)
        return _changes(current, records, attempts) if same else None

    after = (await change_job(services.store, tenant, job_id, decide)).document
    if after.records != records:
        return await extend(services, tenant, job_id, records, by=by)  # it moved on meanwhile: decide anew
    await _say(services, job, after, by)
    if job.state in TERMINAL_STATES and by != "flow":
        await services.store.bulk(wanted(services.settings, Wish.CREATE, tenant, job_id))
    return after if after.state in _RESTING else await publish(services, tenant, job_id, by=by)


def _changes(job: JobDocument, records: int, attempts: int) -> Changes:
    before = job.records or 0
    grown = {"records": records, "earlier_records": [*job.earlier_records, before]}
    if job.state is JobState.PLANNED:
        checkpoint = PlanCheckpoint(round=job.round, next_slot=before)
        return {**grown, "max_attempts": attempts, "checkpoint": checkpoint, "state": JobState.PUBLISHING}
    if job.state not in TERMINAL_STATES:
        return grown  # who plans it sees N grow; who resumes it plans all that is open
    round_ = job.round + REPLAY_ROUNDS
    return {
        **grown,
        "round": round_,
        "rounds_from": round_,
        "round_scope": "replayed",  # nothing was marked, so of the slots there were none is tried again
        "checkpoint": PlanCheckpoint(round=round_, next_slot=before),
        "max_attempts": attempts,
        "state": JobState.PUBLISHING,
        "reason": None,
        "flow_run_id": None,  # its run saw the job end; the new slots get one of their own
        "flow": None,
    }


def _require_extendable(job: JobDocument, records: int) -> None:
    if job.purpose is JobPurpose.QUOTE:
        raise UserError(f"job {job.job_id} is a quote: ask for one over more slots")
    if job.refresh is not None:
        raise UserError(f"job {job.job_id} makes records of new seeds alone: their number is not chosen")
    if job.records is None:
        raise UserError(f"job {job.job_id} has not read its input: how many records it has is known when it is planned")
    if records < job.records:
        raise UserError(f"job {job.job_id} has {job.records} records already, and gives none up: ask for more")
    if job.state is JobState.CANCELLED:
        raise UserError(f"job {job.job_id} is cancelled: resume it, then extend it")


def _require_seeds(job: JobDocument, records: int) -> None:
    """What a recipe that said so many records would be told."""
    compiled = compiled_for(job)
    recipe = compiled.recipe
    longer = recipe.model_copy(update={"target": recipe.target.model_copy(update={"records": records})})
    space = SeedSpace(seed_sets(job), recipe.seeds, recipe.seed)
    resolve_records(dataclasses.replace(compiled, recipe=longer), space)


def _attempts(job: JobDocument, status: Status, records: int) -> int:
    """Tries for each new slot, when all that are open use theirs up."""
    target, more = job.recipe.target, records - (job.records or 0)
    promised = status.candidates + status.open_in_round * job.max_attempts
    attempts = min(job.max_attempts, attempts_allowed(target, candidates=promised, open_slots=more))
    if job.state in TERMINAL_STATES:
        attempts = attempts_allowed(target, candidates=status.candidates, open_slots=more)
    if attempts < 1:
        raise UserError(
            f"job {job.job_id} may try {target.max_candidates} answers in all (max_candidates) and has spent or "
            f"promised {promised}: {more} more records need a job of their own"
        )
    return attempts


async def _say(services: Services, before: JobDocument, after: JobDocument, by: Service) -> None:
    await say(
        services.store,
        by,
        "job.extended",
        f"job {after.job_id} was extended from {before.records} to {after.records} records",
        tenant=after.tenant,
        job_id=after.job_id,
        fields={"before": before.records, "records": after.records},
        event_id=f"{after.job_id}-{len(after.earlier_records)}-extended",
    )
