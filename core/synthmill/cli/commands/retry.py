"""`synthmill retry`: another round for slots that were given up, by another model or other prompts if wanted."""

import asyncio
from pathlib import Path

import click

from synthmill.cli import options
from synthmill_schemas.slot import RejectClass


@click.command("retry")
@options.job_argument
@click.option(
    "classes",
    "--class",
    multiple=True,
    type=click.Choice([each.value for each in RejectClass]),
    help="slots given up for this reason; repeatable; default: any",
)
@options.model_option
@options.base_url_option
@click.option(
    "prompts",
    "--prompt",
    multiple=True,
    metavar="COLUMN=FILE",
    help="another prompt for a column, from a file; repeatable",
)
@options.out_option
@options.direct_option
@options.json_option
def retry_command(
    job: str,
    classes: tuple[str, ...],
    model: str | None,
    base_url: str | None,
    prompts: tuple[str, ...],
    out: Path | None,
    direct: bool,
    as_json: bool,
) -> int:
    """Try slots of JOB again that were given up; accepted records stay as they are.

    Another model or prompt is kept in the job, and holds for all its later rounds.
    """
    from synthmill.cli.environment import load_settings
    from synthmill.cli.find import full_job_id, require_jobs
    from synthmill.cli.session import Wishes, check_out, session
    from synthmill.jobs.documents import get_job
    from synthmill.jobs.replay import replay_rejects
    from synthmill.jobs.revise import rerouted
    from synthmill.services import Services
    from synthmill_schemas.job import JobDocument

    check_out(out)
    settings = load_settings()
    require_jobs(settings)
    texts = dict(map(_prompt, prompts))

    async def begin(services: Services) -> JobDocument:
        tenant = settings.tenant
        job_id = await full_job_id(services, tenant, job)
        change = rerouted((await get_job(services.store, tenant, job_id)).document, model, base_url, texts)
        await replay_rejects(services, tenant, job_id, [RejectClass(each) for each in classes], by="cli", change=change)
        return (await get_job(services.store, tenant, job_id)).document

    return asyncio.run(session(settings, begin, Wishes(out, direct=direct, json=as_json)))


def _prompt(given: str) -> tuple[str, str]:
    column, equals, path = given.partition("=")
    if not equals or not column:
        raise click.UsageError(f"--prompt {given}: say COLUMN=FILE")
    try:
        return column, Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"--prompt {given}: {path} cannot be read as UTF-8: {error}") from error
