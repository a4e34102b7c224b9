"""Raises the round of a job: resume, retry and top-up all do this one thing (design law 4)."""

from typing import Literal

from synthmill.errors import UserError
from synthmill.jobs.account import recount
from synthmill.jobs.documents import Changes, change_job
from synthmill.jobs.events import Service
from synthmill.jobs.spending import used_up, what_to_do
from synthmill.jobs.status import Status
from synthmill.jobs.submit import publish
from synthmill.runs.wishes import Wish, wanted
from synthmill.services import Services
from synthmill_schemas.job import RESUMABLE_STATES, RUNNING_STATES, JobDocument, JobState
from synthmill_schemas.recipe import Target

Scope = Literal["all", "mendable"]

REPLAY_ROUNDS = 2
"""From a round to one that tries only slots marked in the round between, in which nobody ever works."""


def attempts_allowed(target: Target, *, candidates: int, open_slots: int) -> int:
    """Tries per slot for a round, so that `max_candidates` cannot be passed; 0: no round can be afforded."""
    if target.max_candidates is None:
        return target.max_attempts
    return min(target.max_attempts, (target.max_candidates - candidates) // max(1, open_slots))


async def top_up(services: Services, job: JobDocument, status: Status, *, by: Service) -> JobDocument:
    """Another round over the slots that another try can mend; the caller has seen that the caps allow it."""
    attempts = attempts_allowed(job.recipe.target, candidates=status.candidates, open_slots=status.mendable)
    return await _raise_round(services, job, "mendable", attempts, by=by)


async def republish(services: Services, job: JobDocument, *, by: Service) -> JobDocument:
    """The same scope once more, for a round whose requests are gone from the queue without an outcome."""
    # marks of replayed slots stand in the round before, and would be two rounds away
    scope: Scope = "mendable" if job.round_scope == "replayed" else job.round_scope
    return await _raise_round(services, job, scope, job.max_attempts, by=by)


async def resume(services: Services, job: JobDocument, status: Status, *, by: Service = "cli") -> JobDocument:
    """Lets a job that stopped go on; one that runs is left as it is, its requests are still in the queue."""
    if job.state in RUNNING_STATES or job.state in (JobState.CREATED, JobState.COMPLETED):
        return await publish(services, job.tenant, job.job_id, by=by)
    if job.state not in RESUMABLE_STATES:
        raise UserError(f"job {job.job_id} is {job.state}; there is nothing to resume")
    unplanned = any(source.seed_set is None for source in job.sources)
    if unplanned and job.temporary_files == "deleted":
        raise UserError(f"the input files of job {job.job_id} are gone; start a new job with `synthmill run`")
    open_slots = status.requested - status.accepted - status.parked
    attempts = attempts_allowed(job.recipe.target, candidates=status.candidates, open_slots=open_slots)
    if attempts < 1:
        raise UserError(
            f"job {job.job_id} has used {status.candidates} of max_candidates {job.recipe.target.max_candidates}; "
            "raise it in the recipe and start a new job"
        )
    if job.budget and (full := used_up(job.budget, await recount(services.store, job))) is not None:
        raise UserError(what_to_do(job.job_id, full))
    if by != "flow":  # noted first: a run that was cancelled must not be taken for the job's end again
        await services.store.bulk(wanted(services.settings, Wish.CONTINUE, job.tenant, job.job_id))
    return await _raise_round(services, job, "all", attempts, by=by)


async def _raise_round(
    services: Services, job: JobDocument, scope: Scope, attempts: int, *, by: Service
) -> JobDocument:
    def decide(current: JobDocument) -> Changes | None:
        if (current.round, current.state, current.records) != (job.round, job.state, job.records):
            return None  # somebody else decided meanwhile; theirs holds
        return {
            "round": current.round + 1,
            "round_scope": scope,
            "max_attempts": attempts,
            "state": JobState.PUBLISHING,
            "checkpoint": None,
            "reason": None,
            "paused_by": None,
        }

    if job.budget is not None:
        await recount(services.store, job)
    await change_job(services.store, job.tenant, job.job_id, decide)
    return await publish(services, job.tenant, job.job_id, by=by)
