"""Services and flow around one job: started together, watched while they work, drained at the end."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from synthmill.cli.course import Course, teller
from synthmill.cli.display import Display
from synthmill.cli.follow import follow
from synthmill.cli.interrupts import Interrupted, Interrupts
from synthmill.cli.judging import judging
from synthmill.cli.look import unfinished_jobs
from synthmill.cli.words import short
from synthmill.jobs.advance import TERMINAL_STATES, advance
from synthmill.jobs.documents import get_job
from synthmill.jobs.drive import drive, finish
from synthmill.jobs.status import job_status
from synthmill.services import Services
from synthmill.settings import Profile
from synthmill.supervisor import FlowProcess, running_flow, running_services
from synthmill_schemas.job import JobState

_POLL_SECONDS = 0.5


async def conduct(services: Services, course: Course, display: Display, interrupts: Interrupts) -> None:
    """Returns when the job rests and its files are written; raises what prevented that, after all has drained."""
    tenant, job_id = course.job.tenant, course.job.job_id
    if course.job.state is JobState.COMPLETED:
        status = await job_status(services.store, tenant, job_id)
        await finish(services, tenant, status, course.out, judging(services, tenant))
        return
    if interrupts.first.is_set():
        raise Interrupted("stopped", interrupts.exit_code)
    settings = services.settings
    if settings.profile is Profile.STACK:
        await follow(services, course, display, interrupts)
        return
    logs = settings.home / "logs" / job_id
    on_status = teller(services, course, display)
    display.note("starting the services")
    work: Coroutine[Any, Any, object]
    async with AsyncExitStack() as stack:
        flow: FlowProcess | None = None
        if not course.direct:
            flow = await stack.enter_async_context(running_flow(settings, job_id, course.out, logs))
        gateway = await _gateway_wanted(services, tenant)
        group = await stack.enter_async_context(running_services(settings, gateway=gateway, log_folder=logs))
        display.note(None)
        if flow is None:
            work = drive(services, tenant, job_id, course.out, on_status, judging(services, tenant))
        else:
            work = _attended(services, course, flow, display)
        try:
            await first_of(work, group.failed(), interrupts)
        finally:
            display.note(_stopping(interrupts))


async def first_of(
    work: Coroutine[Any, Any, object], failed: Coroutine[Any, Any, Exception], interrupts: Interrupts
) -> None:
    """Returns when the work is done; raises when a service failed for good or somebody wants to stop first."""
    working, failing = asyncio.create_task(work), asyncio.create_task(failed)
    stopping = asyncio.create_task(interrupts.first.wait())
    tasks: set[asyncio.Task[Any]] = {working, failing, stopping}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
        elif failing.done():
            raise failing.result()
        else:
            raise Interrupted("stopped", interrupts.exit_code)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _attended(services: Services, course: Course, flow: FlowProcess, display: Display) -> None:
    """Shows the job and moves it on until the flow has ended; does the flow's work if the flow could not."""
    tenant, job_id, tell = course.job.tenant, course.job.job_id, teller(services, course, display)
    ending = asyncio.create_task(flow.wait())
    try:
        while not ending.done():
            status = await job_status(services.store, tenant, job_id)
            await tell(status)
            if status.state in TERMINAL_STATES:
                display.note(f"{short(job_id)}: all slots are decided; Prefect checks and writes the files")
            elif status.state in (JobState.BLOCKED, JobState.PAUSED, JobState.CANCELLED):
                return
            await advance(services, tenant, status)  # Prefect takes seconds to start; records do not wait for it
            await asyncio.wait({ending}, timeout=_POLL_SECONDS)
        if ending.result() != 0:
            await _without_flow(services, course, ending.result(), flow.log, display)
    finally:
        ending.cancel()


async def _without_flow(services: Services, course: Course, code: int, log: Path, display: Display) -> None:
    tenant, job_id = course.job.tenant, course.job.job_id
    job = (await get_job(services.store, tenant, job_id)).document
    if job.state not in TERMINAL_STATES:
        display.say(f"the Prefect flow ended with exit code {code} (log: {log}); going on without it")
    tell = teller(services, course, display)
    await drive(services, tenant, job_id, course.out, tell, judging(services, tenant))


async def _gateway_wanted(services: Services, tenant: str) -> bool:
    """The services work on every unfinished job of the folder, so one of them that needs the gateway is enough."""
    models = [job.recipe.model for job in await unfinished_jobs(services, tenant)]
    return any(model is not None and model.base_url is None for model in models)


def _stopping(interrupts: Interrupts) -> str:
    if interrupts.first.is_set():
        return "stopping: calls in flight are let finish (Ctrl-C again leaves at once)"
    return "stopping the services"
