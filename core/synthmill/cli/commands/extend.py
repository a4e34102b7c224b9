"""`synthmill extend`: more records for a job; those it has stay as they are."""

import asyncio
from pathlib import Path

import click

from synthmill.cli import options


@click.command("extend")
@options.job_argument
@click.option(
    "--records", "-n", type=click.IntRange(min=1), metavar="N", required=True, help="how many in all, not how many more"
)
@options.out_option
@options.direct_option
@options.json_option
def extend_command(job: str, records: int, out: Path | None, direct: bool, as_json: bool) -> int:
    """Give JOB N records in all: those it has stay, and only the new ones are made.

    The job may run, rest or have completed. What of it was released stays; the new records are in the next version.
    """
    from synthmill.cli.environment import load_settings
    from synthmill.cli.find import full_job_id, require_jobs
    from synthmill.cli.session import Wishes, check_out, session
    from synthmill.jobs.extend import extend
    from synthmill.services import Services
    from synthmill_schemas.job import JobDocument

    check_out(out)
    settings = load_settings()
    require_jobs(settings)

    async def begin(services: Services) -> JobDocument:
        job_id = await full_job_id(services, settings.tenant, job)
        return await extend(services, settings.tenant, job_id, records, by="cli")

    return asyncio.run(session(settings, begin, Wishes(out, direct=direct, json=as_json)))
