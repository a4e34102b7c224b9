"""Stops a job for good: no further calls are made for it, and what it has stays."""

from typing import Literal

from synthmill.errors import UserError
from synthmill.jobs.advance import TERMINAL_STATES
from synthmill.jobs.documents import Changes, change_job
from synthmill.jobs.events import say
from synthmill.runs.wishes import Wish, wanted
from synthmill.services import Services
from synthmill_schemas.job import JobDocument, JobState


async def cancel(
    services: Services, tenant: str, job_id: str, *, service: Literal["cli", "api", "flow", "reconcile"], reason: str
) -> JobDocument:
    """The job, cancelled now or before; `UserError` when it has ended already."""

    def decide(job: JobDocument) -> Changes | None:
        if job.state is JobState.CANCELLED:
            return None
        if job.state in TERMINAL_STATES:
            raise UserError(f"job {job.job_id} is {job.state} already; there is nothing to cancel")
        return {"state": JobState.CANCELLED, "reason": reason}

    job = (await change_job(services.store, tenant, job_id, decide)).document
    if service in ("cli", "api"):  # the others pass on what Prefect knows already
        await services.store.bulk(wanted(services.settings, Wish.CANCEL, tenant, job_id))
    text = f"job {job_id} was cancelled in round {job.round}"
    name = f"{job_id}-{job.round}-cancelled"
    await say(services.store, service, "job.cancelled", text, tenant=tenant, job_id=job_id, event_id=name)
    return job
