"""`synthmill cancel`: stops a job; no further calls are made for it, and its records stay."""

import click

from synthmill.cli import consoles, options, words
from synthmill.cli.opening import with_job
from synthmill.jobs.cancel import cancel
from synthmill.runs.telling import tell_soon
from synthmill.services import Services
from synthmill_schemas.job import JobDocument


@click.command("cancel")
@options.job_argument
def cancel_command(job: str) -> None:
    """Stop JOB: calls in flight end, no new ones begin, what is accepted stays."""
    cancelled = with_job(job, _cancel)
    name = words.short(cancelled.job_id)
    consoles.show(f"job {name} is cancelled; `synthmill resume {name}` would go on with it")


async def _cancel(services: Services, job_id: str) -> JobDocument:
    tenant = services.settings.tenant
    job = await cancel(services, tenant, job_id, service="cli", reason="cancelled by synthmill cancel")
    await tell_soon(services, tenant, job_id)
    return job
