"""`synthmill status`, `logs` and `records` with `--server URL`."""

from itertools import islice

import click
from rich.table import Table
from rich.text import Text

from synthmill.cli import consoles, options, words
from synthmill.cli.display import open_display
from synthmill.cli.form_options import filter_option
from synthmill.cli.panel import tone
from synthmill.cli.remote.server import client, status_of
from synthmill.cli.summary import as_json as status_json
from synthmill.cli.summary import summary
from synthmill.client.calls import Wanted
from synthmill.client.models import Job
from synthmill.settings import Profile
from synthmill_schemas.job import JobPurpose


@click.command("status")
@click.argument("job", required=False)
@options.json_option
@click.option("--watch", is_flag=True, help="follow JOB until it rests")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="jobs shown without JOB")
@options.quotes_option
def status_command(job: str | None, as_json: bool, watch: bool, limit: int, quotes: bool) -> None:
    """Show JOB, by its whole id, in numbers that add up; without JOB, the newest jobs."""
    with client() as api:
        if job is None:
            newest = list(islice(api.jobs(purposes=tuple(JobPurpose) if quotes else ()), limit))
            if as_json:
                consoles.print_json({"jobs": [each.model_dump(mode="json") for each in newest]})
            else:
                consoles.show(_table(newest))
            return
        if watch:
            with open_display(consoles.err()) as display:
                api.wait(job, lambda seen: display.show(status_of(seen), None))
        status = status_of(api.job(job))
    if as_json:
        consoles.print_json(status_json(status))
    else:
        consoles.show(summary(status, [], reason=status.reason, profile=Profile.STACK))


@click.command("logs")
@options.job_argument
@click.option("--rejects", is_flag=True, help="every rejected try and every row left out, instead of events")
@click.option("as_json", "--json", is_flag=True, help="one document a line, as JSON")
def logs_command(job: str, rejects: bool, as_json: bool) -> None:
    """Show what happened to JOB: each event with its time, service and name."""
    with client() as api:
        if rejects:
            for reject in api.rejects(job):
                line = f"{reject.at:%Y-%m-%d %H:%M:%S}  {reject.reject_class:<9}  {' '.join(reject.reason.split())}"
                _print(reject.model_dump(mode="json"), line, as_json=as_json)
        else:
            for event in api.events(job):
                line = f"{event.at:%Y-%m-%d %H:%M:%S}  {event.service:<9} {event.name}  {event.message}"
                _print(event.model_dump(mode="json"), line, as_json=as_json)


@click.command("records")
@options.job_argument
@click.option("--text", metavar="WORDS", help="those that hold all these words")
@filter_option
@click.option("--sort", metavar="FIELD", help="in the order of this field, - before it: downwards; default: by slot")
@click.option("--limit", type=click.IntRange(min=1), help="at most so many")
@click.option("facets", "--facet", metavar="FIELD", multiple=True, help="count by this field's values instead")
def records_command(
    job: str,
    text: str | None,
    filters: tuple[str, ...],
    sort: str | None,
    limit: int | None,
    facets: tuple[str, ...],
) -> None:
    """Print records of JOB that match, one JSON object a line, `_record_id` last; also while it runs."""
    with client() as api:
        if facets:
            page = api.search(job, Wanted(text, filters, facets, limit=1))
            consoles.print_json(page.facets)
            return
        for number, record in enumerate(api.records(job, text, filters=filters, sort=sort)):
            if limit is not None and number >= limit:
                return
            consoles.print_json({**record.data, "_record_id": record.id}, indent=None)


def _print(document: dict[str, object], line: str, *, as_json: bool) -> None:
    if as_json:
        consoles.print_json(document, indent=None)
    else:
        consoles.show(line)


def _table(jobs: list[Job]) -> Table:
    table = Table(box=None, padding=(0, 2), pad_edge=False, header_style="quiet")
    for name in ("job", "dataset", "state", "of", "begun"):
        table.add_column(name, no_wrap=name != "dataset")
    for job in jobs:
        records = "?" if job.records is None else f"{job.records:,}"
        state = Text(words.STATE_WORDS[job.state], tone(job.state))
        table.add_row(job.id, Text(job.dataset, "name"), state, records, Text(words.ago(job.created_at), "quiet"))
    return table
