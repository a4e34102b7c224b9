"""Waits for what another process does with a job, so there is nothing to wait on but the job's document."""

import asyncio
import time
from collections.abc import Callable

from synthmill.jobs.documents import get_job
from synthmill.services import Services
from synthmill_schemas.job import JobDocument

_FIRST_LOOK_SECONDS = 0.05
_LAST_LOOK_SECONDS = 1.0


async def wait_for(
    services: Services, tenant: str, job_id: str, over: Callable[[JobDocument], bool], seconds: float
) -> None:
    """Returns when the job's document says so, or when so many seconds have passed."""
    ends, pause = time.monotonic() + seconds, _FIRST_LOOK_SECONDS
    while time.monotonic() < ends:
        if over((await get_job(services.store, tenant, job_id)).document):
            return
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LAST_LOOK_SECONDS)  # twenty who wait must not keep the store from the one who works
