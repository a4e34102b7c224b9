"""Submits a small job and plans it while its client waits: its requests go straight to `generation`.

The planner, the lease and the round are the worker's. A submitter that dies on the way leaves a job in `publishing`
that reconcile announces to a worker, which goes on behind the last confirmed chunk.
"""

import asyncio
import logging
import time

from synthmill.errors import Retriable, VersionConflict
from synthmill.jobs.documents import get_job, swap_job
from synthmill.jobs.events import Service
from synthmill.jobs.lease import LeaseLost, LeaseTaken
from synthmill.jobs.order import JobOrder
from synthmill.jobs.plan_job import PlanOutcome, plan_job
from synthmill.jobs.submit import publish, send, stage
from synthmill.services import Services
from synthmill_schemas.job import JobDocument, JobMessage, JobState

logger = logging.getLogger(__name__)

_PATIENCE_SECONDS = 10.0  # a job of this size is planned in less; then a worker is asked, whoever holds the lease
_FIRST_LOOK_SECONDS = 0.05
_LAST_LOOK_SECONDS = 1.0


async def submit_at_once(services: Services, order: JobOrder, *, by: Service) -> JobDocument:
    """The job, all its requests confirmed by the broker; if somebody is at it who takes too long, its message is."""
    await stage(services, order)
    if (await _publishing(services, order)).state is JobState.PUBLISHING:
        try:
            if await plan_job(services, _wanted(order), by=by) is PlanOutcome.PLANNED:
                await _announce(services, order)
        except LeaseTaken:
            await _wait(services, order)
        except LeaseLost as lost:
            logger.warning("job %s is left to a worker: %s", order.job_id, lost)
    return await publish(services, order.tenant, order.job_id, by=by)


def _wanted(order: JobOrder) -> JobMessage:
    return JobMessage(tenant=order.tenant, job_id=order.job_id)


async def _publishing(services: Services, order: JobOrder) -> JobDocument:
    """The job as it is once nobody finds it `created` any more: from here on requests may be out (law 2)."""
    while True:
        job = await get_job(services.store, order.tenant, order.job_id)
        if job.document.state is not JobState.CREATED:
            return job.document
        try:
            return (await swap_job(services.store, job, {"state": JobState.PUBLISHING})).document
        except VersionConflict:
            continue


async def _announce(services: Services, order: JobOrder) -> None:
    """Lets a worker follow the job, which is planned and confirmed: without this, reconcile would notice its end."""
    try:
        await send(services, (await get_job(services.store, order.tenant, order.job_id)).document)
    except Retriable as error:
        logger.warning("job %s is followed by nobody but reconcile: %s", order.job_id, error)


async def _wait(services: Services, order: JobOrder) -> None:
    """Until the one who plans it is through; he may be another process, so there is nothing to wait on but facts."""
    ends, pause = time.monotonic() + _PATIENCE_SECONDS, _FIRST_LOOK_SECONDS
    while time.monotonic() < ends:
        job = (await get_job(services.store, order.tenant, order.job_id)).document
        if job.state is not JobState.PUBLISHING or job.planner is None:
            return
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LAST_LOOK_SECONDS)  # twenty who wait must not keep the store from the one who works
