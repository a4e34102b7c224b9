"""What Prefect calls when a run was cancelled or its process died: in another process, by these parameter names.

Hooks mark, they never delete (design law 5). A run that died is continued by reconcile, which counts how often.
"""

import asyncio
from contextlib import suppress
from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State

from synthmill.errors import UserError
from synthmill.jobs.cancel import cancel
from synthmill.jobs.documents import find_job
from synthmill.jobs.events import say
from synthmill.jobs.status import Status, job_status
from synthmill.services import Services, open_services
from synthmill.settings import Settings
from synthmill_flows.identity import Run, run_of
from synthmill_flows.report import publish_report
from synthmill_flows.wishes import CANCELLED_IN_PREFECT
from synthmill_schemas.event import Level

_STILL_SECONDS = 2.0
_MOST_LOOKS = 10


async def pass_on_cancel(flow: Flow[..., Any], flow_run: FlowRun, state: State) -> None:
    """Cancels the job of a cancelled run, waits for the calls in flight, and leaves the exact numbers with the run."""
    del flow, state
    settings = Settings()
    run = run_of(flow_run, flow_run.parameters, settings)
    async with open_services(settings) as services:
        found = await find_job(services.store, run.tenant, run.job_id)
        if found is None or found.document.flow_run_id not in (None, run.flow_run_id):
            return
        with suppress(UserError):  # it ended before
            await cancel(services, run.tenant, run.job_id, service="flow", reason=CANCELLED_IN_PREFECT)
        await publish_report(services, run, await _at_rest(services, run))


async def note_crash(flow: Flow[..., Any], flow_run: FlowRun, state: State) -> None:
    """Says in the job's events that the process of its run is gone."""
    del flow
    settings = Settings()
    run = run_of(flow_run, flow_run.parameters, settings)
    async with open_services(settings) as services:
        await say(
            services.store,
            "flow",
            "job.run_crashed",
            f"job {run.job_id}: run {run.flow_run_id} crashed: {state.message or 'its process is gone'}",
            tenant=run.tenant,
            job_id=run.job_id,
            level=Level.WARNING,
            event_id=f"{run.job_id}-{run.flow_run_id}-{state.id}-crashed",
        )


async def _at_rest(services: Services, run: Run) -> Status:
    """The status once its facts stand still: calls in flight end within their timeout, most of them at once."""
    status = await job_status(services.store, run.tenant, run.job_id)
    for _ in range(_MOST_LOOKS):
        await asyncio.sleep(_STILL_SECONDS)
        before, status = status, await job_status(services.store, run.tenant, run.job_id)
        if status.facts == before.facts:
            break
    return status
