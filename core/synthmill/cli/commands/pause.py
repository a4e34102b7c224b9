"""`synthmill pause`: lets a job rest; no further calls are made for it until it is resumed."""

import asyncio

import click

from synthmill.cli import consoles, options, words
from synthmill.cli.environment import load_settings
from synthmill.cli.find import full_job_id, require_jobs
from synthmill.jobs.pause import pause
from synthmill.services import open_services
from synthmill.settings import Settings
from synthmill_schemas.job import JobDocument


@click.command("pause")
@options.job_argument
def pause_command(job: str) -> None:
    """Let JOB rest: calls in flight end, no new ones begin, what is accepted stays."""
    settings = load_settings()
    require_jobs(settings)
    paused = asyncio.run(_pause(settings, job))
    name = words.short(paused.job_id)
    consoles.show(f"job {name} is paused; `synthmill resume {name}` goes on with it")


async def _pause(settings: Settings, given: str) -> JobDocument:
    async with open_services(settings) as services:
        job_id = await full_job_id(services, settings.tenant, given)
        reason = "paused by synthmill pause; resume it to go on"
        return await pause(services, settings.tenant, job_id, service="cli", reason=reason)
