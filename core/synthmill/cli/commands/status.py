"""`synthmill status`: one job in numbers that add up, or a table of the folder's jobs."""

import asyncio
from collections.abc import Collection

import click
from rich.table import Table
from rich.text import Text

from synthmill.cli import consoles, options, words
from synthmill.cli.display import open_display
from synthmill.cli.environment import has_jobs, load_settings, whereabouts
from synthmill.cli.find import full_job_id, require_jobs
from synthmill.cli.look import last_warning, reject_examples
from synthmill.cli.panel import tone
from synthmill.cli.summary import as_json as status_json
from synthmill.cli.summary import summary
from synthmill.jobs.documents import get_job, jobs_of
from synthmill.jobs.purposes import of_purpose
from synthmill.jobs.status import Status, count_job, job_status
from synthmill.ports.records import Query
from synthmill.services import Services, open_services
from synthmill.settings import Settings
from synthmill_schemas.job import JobDocument, JobPurpose, JobState

_WATCH_SECONDS = 1.0


@click.command("status")
@click.argument("job", required=False)
@options.json_option
@click.option("--watch", is_flag=True, help="follow JOB until it rests")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="jobs shown without JOB")
@options.quotes_option
def status_command(job: str | None, as_json: bool, watch: bool, limit: int, quotes: bool) -> None:
    """Show JOB in numbers, or all jobs here, the newest first."""
    settings = load_settings()
    if job is None:
        if watch:
            raise click.UsageError("--watch needs a JOB")
        asyncio.run(_all(settings, limit, tuple(JobPurpose) if quotes else (), as_json=as_json))
        return
    require_jobs(settings)
    asyncio.run(_one(settings, job, watch=watch, as_json=as_json))


async def _one(settings: Settings, given: str, *, watch: bool, as_json: bool) -> None:
    async with open_services(settings) as services:
        job_id = await full_job_id(services, settings.tenant, given)
        if watch:
            await _watch(services, settings.tenant, job_id)
        status = await job_status(services.store, settings.tenant, job_id)
        if as_json:
            consoles.print_json(status_json(status))
            return
        examples = await reject_examples(services, status, settings.tenant)
        consoles.show(summary(status, examples, reason=status.reason, profile=settings.profile))


async def _watch(services: Services, tenant: str, job_id: str) -> None:
    since = (await get_job(services.store, tenant, job_id)).document.created_at
    with open_display(consoles.err()) as display:
        while (status := await job_status(services.store, tenant, job_id)).running or status.state is JobState.CREATED:
            display.show(status, await last_warning(services, tenant, job_id, since))
            await asyncio.sleep(_WATCH_SECONDS)


async def _all(settings: Settings, limit: int, purposes: Collection[JobPurpose], *, as_json: bool) -> None:
    jobs: list[tuple[JobDocument, Status]] = []
    total = 0
    if has_jobs(settings):
        async with open_services(settings) as services:
            query = Query(of_purpose(purposes), sort="-created_at", limit=limit)
            total, jobs = await _newest(services, settings.tenant, query)
    if as_json:
        consoles.print_json({"jobs": [status_json(status) for _, status in jobs], "total": total})
    elif jobs:
        consoles.show(_table(jobs))
        if total > len(jobs):
            consoles.err().print(
                f"{words.counted(total - len(jobs), 'older job')} not shown; --limit {total} shows all"
            )
    else:
        consoles.err().print(f"no jobs {whereabouts(settings)} yet; `synthmill run` starts one")


async def _newest(services: Services, tenant: str, query: Query) -> tuple[int, list[tuple[JobDocument, Status]]]:
    await services.store.visible(jobs_of(tenant))
    page = await services.store.search(jobs_of(tenant), query)
    documents = [JobDocument.model_validate(hit.document) for hit in page.hits]
    return page.total, [(job, await count_job(services.store, job)) for job in documents]


def _table(jobs: list[tuple[JobDocument, Status]]) -> Table:
    table = Table(box=None, padding=(0, 2), pad_edge=False, header_style="quiet")
    table.add_column("job", no_wrap=True)
    table.add_column("dataset", overflow="fold")
    table.add_column("state")
    for name in ("accepted", "of", "open", "rejected", "cost", "begun"):
        table.add_column(name, justify="right", no_wrap=True)
    for job, status in jobs:
        table.add_row(
            words.short(status.job_id),
            Text(status.dataset, "name"),
            Text(words.STATE_WORDS[status.state], tone(status.state)),
            f"{status.accepted:,}",
            f"{status.requested:,}" if status.requested else "?",
            f"{status.requested - status.accepted:,}" if status.requested else "?",
            f"{sum(status.rejects_by_class.values()):,}",
            words.money(status.cost_usd),
            Text(words.ago(job.created_at), "quiet"),
        )
    return table
