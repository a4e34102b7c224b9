"""Waits for the flow run of a job that has come to rest: whoever else could end the job leaves that to it."""

import asyncio
import time

from synthmill.jobs.documents import get_job
from synthmill.runs.prefect import PrefectAway, PrefectRefused, RunState, prefect_rest
from synthmill.services import Services
from synthmill_schemas.base import now
from synthmill_schemas.job import JobDocument

_LOOK_SECONDS = 1.0

_BEGIN_SECONDS = 30.0
"""A run that was ordered begins within ten seconds where a Prefect worker is free; nobody is made to wait for one that
is not, since gate and release may be done by two."""

_COMING = frozenset({RunState.SCHEDULED, RunState.PENDING, RunState.RUNNING})


async def until_run_left(services: Services, tenant: str, job_id: str) -> None:
    """Returns when no run holds the job, and none is about to take it."""
    seen = time.monotonic()
    while True:
        job = (await get_job(services.store, tenant, job_id)).document
        if _is_held(job):
            seen = time.monotonic()
        elif time.monotonic() - seen > _BEGIN_SECONDS or not await _is_coming(services, job):
            return
        await asyncio.sleep(_LOOK_SECONDS)


def _is_held(job: JobDocument) -> bool:
    return job.flow is not None and job.flow.expires_at > now()


async def _is_coming(services: Services, job: JobDocument) -> bool:
    """What Prefect says; a server that is away says nothing."""
    settings = services.settings.prefect
    if settings.url is None or job.flow_run_id is None:
        return False
    try:
        async with prefect_rest(settings) as prefect:
            run = await prefect.find(job.flow_run_id)
    except (PrefectAway, PrefectRefused):
        return False
    return run is not None and run.state in _COMING
