"""Submits a small job and plans it while its client waits: its requests go straight to `generation`.

The planner, the lease and the round are the worker's. A submitter that dies on the way leaves a job in `publishing`
that reconcile announces to a worker, which goes on behind the last confirmed chunk.
"""

import logging

from synthmill.errors import Retriable
from synthmill.jobs.awaiting import wait_for
from synthmill.jobs.documents import get_job
from synthmill.jobs.events import Service
from synthmill.jobs.lease import LeaseLost, LeaseTaken
from synthmill.jobs.order import JobOrder
from synthmill.jobs.plan_job import PlanOutcome, plan_job
from synthmill.jobs.submit import begin, publish, send, stage
from synthmill.services import Services
from synthmill_schemas.job import JobDocument, JobMessage, JobState

logger = logging.getLogger(__name__)

_PATIENCE_SECONDS = 10.0  # a job of this size is planned in less; then a worker is asked, whoever holds the lease


async def submit_at_once(services: Services, order: JobOrder, *, by: Service) -> JobDocument:
    """The job, all its requests confirmed by the broker; if somebody is at it who takes too long, its message is."""
    await stage(services, order)
    job, _ = await begin(services, order.tenant, order.job_id)
    if job.state is JobState.PUBLISHING:
        try:
            if await plan_job(services, _wanted(order), by=by) is PlanOutcome.PLANNED:
                await _announce(services, order)
        except LeaseTaken:
            await wait_for(services, order.tenant, order.job_id, _passed, _PATIENCE_SECONDS)
        except LeaseLost as lost:
            logger.warning("job %s is left to a worker: %s", order.job_id, lost)
    return await publish(services, order.tenant, order.job_id, by=by)


def _wanted(order: JobOrder) -> JobMessage:
    return JobMessage(tenant=order.tenant, job_id=order.job_id)


async def _announce(services: Services, order: JobOrder) -> None:
    """Lets a worker follow the job, which is planned and confirmed: without this, reconcile would notice its end."""
    try:
        await send(services, (await get_job(services.store, order.tenant, order.job_id)).document)
    except Retriable as error:
        logger.warning("job %s is followed by nobody but reconcile: %s", order.job_id, error)


def _passed(job: JobDocument) -> bool:
    """Whether the one who planned it is through."""
    return job.state is not JobState.PUBLISHING or job.planner is None
