"""Caps on what a job's calls may take, changed while it lives (decision 0024)."""

from collections.abc import Mapping

from synthmill.errors import UserError
from synthmill.jobs.account import recount
from synthmill.jobs.documents import Changes, change_job, get_job
from synthmill.jobs.events import Service, say
from synthmill.jobs.prices import budget_of
from synthmill.jobs.rounds import republish, resume
from synthmill.jobs.spending import used_up, what_to_do
from synthmill.jobs.status import count_job
from synthmill.ports.records import RecordStore
from synthmill.services import Services
from synthmill_schemas.budget import Budget
from synthmill_schemas.event import Level
from synthmill_schemas.job import RUNNING_STATES, JobDocument, JobState

Caps = Mapping[str, float | int | None]
"""New values of `max_usd` and `max_tokens`; what is not named stays, None takes a cap away."""


async def change_caps(services: Services, tenant: str, job_id: str, caps: Caps, *, by: Service) -> JobDocument:
    """The job with other caps. One that its budget paused goes on if there is room now; one that runs is paused if
    there is none.

    Raises `UserError` for a job that is complete, `PriceUnknown` for a cap in dollars on a model without a price.
    """

    def decide(job: JobDocument) -> Changes | None:
        if job.state is JobState.COMPLETED:
            raise UserError(f"job {job_id} is completed: it makes no calls that could be capped")
        old = job.budget or Budget()
        new = Budget.model_validate({"max_usd": old.max_usd, "max_tokens": old.max_tokens, **caps})
        budget = budget_of(job.recipe, new)
        return None if budget == job.budget else {"budget": budget}

    before = (await get_job(services.store, tenant, job_id)).document
    job = (await change_job(services.store, tenant, job_id, decide)).document
    return await _follow(services, before, job, by=by)


async def _follow(services: Services, before: JobDocument, job: JobDocument, *, by: Service) -> JobDocument:
    """What the new caps lead to."""
    full = None if job.budget is None else used_up(job.budget, await recount(services.store, job))
    if job.state in RUNNING_STATES:
        if full is not None:
            return await pause_by_budget(services.store, job, full, by=by)
        # requests that are out do not say yet that their calls are to be reserved, or at which price
        return await republish(services, job, by=by) if _unsaid(before, job) else job
    if job.state is JobState.PAUSED and job.paused_by == "budget" and full is None:
        return await resume(services, job, await count_job(services.store, job), by=by)
    return job


def _unsaid(before: JobDocument, job: JobDocument) -> bool:
    if job.budget is None:
        return False
    return before.budget is None or (job.budget.max_usd is not None and before.budget.price != job.budget.price)


async def pause_by_budget(store: RecordStore, job: JobDocument, reason: str, *, by: Service) -> JobDocument:
    """Pauses a running job in its round because its budget is used up."""
    told = what_to_do(job.job_id, reason)

    def decide(current: JobDocument) -> Changes | None:
        if current.state not in RUNNING_STATES or current.round != job.round:
            return None
        return {"state": JobState.PAUSED, "reason": told, "paused_by": "budget"}

    after = (await change_job(store, job.tenant, job.job_id, decide)).document
    if after.state is JobState.PAUSED and after.paused_by == "budget":
        name = f"job.paused-{job.job_id}-{job.round}"
        text = f"job {job.job_id} was paused: {told}"
        level, tenant = Level.WARNING, job.tenant
        await say(store, by, "job.paused", text, tenant=tenant, job_id=job.job_id, level=level, event_id=name)
    return after
