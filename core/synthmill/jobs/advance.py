"""Decides what a job whose round has ended comes to: done, another round, or failed with the reason."""

from synthmill.jobs.documents import Changes, change_job, get_job, turn_of
from synthmill.jobs.events import Service, say
from synthmill.jobs.rounds import attempts_allowed, top_up
from synthmill.jobs.status import Status
from synthmill.services import Services
from synthmill_schemas.event import Level
from synthmill_schemas.job import JobDocument, JobState

TERMINAL_STATES = frozenset({JobState.COMPLETED, JobState.COMPLETED_WITH_PARKED, JobState.FAILED, JobState.CANCELLED})


async def advance(services: Services, tenant: str, status: Status, *, by: Service = "flow") -> None:
    """Moves the job on if its round has ended; safe to call by several at once."""
    if status.state is not JobState.PLANNED or status.open_in_round > 0:
        return
    job = (await get_job(services.store, tenant, status.job_id)).document
    if (job.round, job.state, job.records) != (status.round, status.state, status.requested):
        return
    if status.mendable and _another_round(job, status):
        await top_up(services, job, status, by=by)
        return
    state, reason = _verdict(job, status)
    await _close(services, job, state, reason, by=by)


def _another_round(job: JobDocument, status: Status) -> bool:
    target = job.recipe.target
    affordable = attempts_allowed(target, candidates=status.candidates, open_slots=status.mendable)
    return _rounds(job) < target.max_rounds and affordable > 0


def _rounds(job: JobDocument) -> int:
    """How many the job has had; one that was extended after its end began anew."""
    return job.round - job.rounds_from + 1


def _verdict(job: JobDocument, status: Status) -> tuple[JobState, str | None]:
    if status.accepted == status.requested:
        return JobState.COMPLETED, None
    if status.exhausted == 0:
        return JobState.COMPLETED_WITH_PARKED, f"{status.parked} slots are parked: look at their reasons"
    return JobState.FAILED, f"{status.exhausted} slots could not be filled: {_cap(job, status)}"


def _cap(job: JobDocument, status: Status) -> str:
    target = job.recipe.target
    if not status.mendable:
        return "the model refused them or the store did, another try would not help"
    if _rounds(job) >= target.max_rounds:
        return f"max_rounds {target.max_rounds} reached; `synthmill resume` tries another round"
    return f"max_candidates {target.max_candidates} reached; raise it"


async def _close(services: Services, job: JobDocument, state: JobState, reason: str | None, *, by: Service) -> None:
    def decide(current: JobDocument) -> Changes | None:
        unchanged = (current.round, current.state, current.records) == (job.round, job.state, job.records)
        return {"state": state, "reason": reason} if unchanged else None

    await change_job(services.store, job.tenant, job.job_id, decide)
    text = f"job {job.job_id} is {state}" + (f": {reason}" if reason else "")
    await say(
        services.store,
        by,
        f"job.{state}",
        text,
        tenant=job.tenant,
        job_id=job.job_id,
        level=Level.INFO if state is JobState.COMPLETED else Level.WARNING,
        event_id=f"{job.job_id}-{turn_of(job)}-{state}",
    )


async def fail(services: Services, job: JobDocument, reason: str, *, by: Service) -> None:
    """Ends a running job whose input or round cannot be worked on; `resume` may try again."""
    await _close(services, job, JobState.FAILED, reason, by=by)
