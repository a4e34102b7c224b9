"""Pauses a job: calls in flight end, no new ones begin, and resuming it goes on with the open slots."""

from synthmill.errors import UserError
from synthmill.jobs.documents import Changes, change_job
from synthmill.jobs.events import Service, say
from synthmill.services import Services
from synthmill_schemas.job import RUNNING_STATES, JobDocument, JobState


async def pause(services: Services, tenant: str, job_id: str, *, service: Service, reason: str) -> JobDocument:
    """The job, paused now or before; `UserError` when it does not run."""

    def decide(job: JobDocument) -> Changes | None:
        if job.state is JobState.PAUSED:
            return None
        if job.state not in RUNNING_STATES:
            raise UserError(f"job {job.job_id} is {job.state}; there is nothing to pause")
        return {"state": JobState.PAUSED, "reason": reason, "paused_by": None}

    job = (await change_job(services.store, tenant, job_id, decide)).document
    text = f"job {job_id} was paused in round {job.round}"
    name = f"{job_id}-{job.round}-paused"
    await say(services.store, service, "job.paused", text, tenant=tenant, job_id=job_id, event_id=name)
    return job
