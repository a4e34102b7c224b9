"""`synthmill cancel`: stops a job; no further calls are made for it, and its records stay."""

import asyncio

import click

from synthmill.cli import consoles, options, words
from synthmill.cli.environment import load_settings
from synthmill.cli.find import full_job_id, require_jobs
from synthmill.jobs.cancel import cancel
from synthmill.runs.telling import tell_soon
from synthmill.services import open_services
from synthmill.settings import Settings
from synthmill_schemas.job import JobDocument


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
        job = await cancel(services, settings.tenant, job_id, service="cli", reason="cancelled by synthmill cancel")
        await tell_soon(services, settings.tenant, job_id)
        return job
