"""`synthmill resume`: goes on with a job that was stopped, blocked or left incomplete."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from synthmill.cli import options

if TYPE_CHECKING:
    from synthmill_schemas.budget import Budget


@click.command("resume")
@options.job_argument
@options.out_option
@options.caps_options
@options.direct_option
@options.json_option
def resume_command(job: str, out: Path | None, caps: "Budget", direct: bool, as_json: bool) -> int:
    """Go on with JOB (its id, or the first characters of it).

    Only slots without an accepted record are worked on. A completed job repeats nothing; files that were deleted are
    written again. A job that its budget paused goes on with a higher --max-usd or --max-tokens.
    """
    from synthmill.cli.environment import load_settings
    from synthmill.cli.find import full_job_id, require_jobs
    from synthmill.cli.session import Wishes, check_out, session
    from synthmill.jobs.caps import change_caps
    from synthmill.jobs.documents import get_job
    from synthmill.jobs.rounds import resume
    from synthmill.jobs.status import count_job
    from synthmill.services import Services
    from synthmill_schemas.job import JobDocument

    check_out(out)
    raised = caps.model_dump(exclude_none=True)
    settings = load_settings()
    require_jobs(settings)

    async def begin(services: Services) -> JobDocument:
        job_id = await full_job_id(services, settings.tenant, job)
        if raised:
            await change_caps(services, settings.tenant, job_id, raised, by="cli")
        document = (await get_job(services.store, settings.tenant, job_id)).document
        return await resume(services, document, await count_job(services.store, document))

    return asyncio.run(session(settings, begin, Wishes(out, direct=direct, json=as_json)))
