"""`synthmill cancel`: stops a job; no further calls are made for it, and its records stay."""

import asyncio

import click

from synthmill.cli import consoles, options, words
from synthmill.cli.environment import load_settings
from synthmill.cli.find import full_job_id, require_jobs
from synthmill.errors import UserError
from synthmill.jobs.advance import TERMINAL_STATES
from synthmill.jobs.documents import Changes, change_job
from synthmill.jobs.events import say
from synthmill.services import open_services
from synthmill.settings import Settings
from synthmill_schemas.job import JobDocument, JobState


@click.command("cancel")
@options.job_argument
def cancel_command(job: str) -> None:
    """Stop JOB: calls in flight end, no new ones begin, what is accepted stays."""
    settings = load_settings()
    require_jobs(settings)
    cancelled = asyncio.run(_cancel(settings, job))
    name = words.short(cancelled.job_id)
    consoles.show(f"job {name} is cancelled; `synthmill resume {name}` would go on with it")


async def _cancel(settings: Settings, given: str) -> JobDocument:
    async with open_services(settings) as services:
        job_id = await full_job_id(services, settings.tenant, given)
        job = (await change_job(services.store, settings.tenant, job_id, _decide)).document
        text = f"job {job_id} was cancelled in round {job.round}"
        name = f"{job_id}-{job.round}-cancelled"
        await say(services.store, "cli", "job.cancelled", text, tenant=job.tenant, job_id=job_id, event_id=name)
        return job


def _decide(job: JobDocument) -> Changes | None:
    if job.state is JobState.CANCELLED:
        return None
    if job.state in TERMINAL_STATES:
        raise UserError(f"job {job.job_id} is {job.state} already; there is nothing to cancel")
    return {"state": JobState.CANCELLED, "reason": "cancelled by synthmill cancel"}
