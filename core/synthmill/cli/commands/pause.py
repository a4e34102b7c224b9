"""`synthmill pause`: lets a job rest; no further calls are made for it until it is resumed."""

import click

from synthmill.cli import consoles, options, words
from synthmill.cli.opening import with_job
from synthmill.jobs.pause import pause
from synthmill.services import Services
from synthmill_schemas.job import JobDocument


@click.command("pause")
@options.job_argument
def pause_command(job: str) -> None:
    """Let JOB rest: calls in flight end, no new ones begin, what is accepted stays."""
    paused = with_job(job, _pause)
    name = words.short(paused.job_id)
    consoles.show(f"job {name} is paused; `synthmill resume {name}` goes on with it")


async def _pause(services: Services, job_id: str) -> JobDocument:
    reason = "paused by synthmill pause; resume it to go on"
    return await pause(services, services.settings.tenant, job_id, service="cli", reason=reason)
