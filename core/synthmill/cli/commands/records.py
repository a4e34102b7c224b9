"""`synthmill records`: a job's records by words, fields and ranges, samples of them, and where one came from."""

import json
from dataclasses import asdict, replace

import click

from synthmill.cli import consoles, options
from synthmill.cli.form_options import filter_option
from synthmill.cli.opening import with_job
from synthmill.errors import UserError
from synthmill.jobs.documents import get_job
from synthmill.records.fields import picked
from synthmill.records.search import Drawn, Search, of_job, search
from synthmill.records.story import find_slot, story
from synthmill.services import Services
from synthmill_schemas.base import JsonObject

_PAGE = 500


@click.command("records")
@options.job_argument
@click.argument("record", required=False)
@click.option("--text", metavar="WORDS", help="those that hold all these words")
@filter_option
@click.option("fields", "--field", metavar="FIELD", multiple=True, help="show only this one; repeatable")
@click.option("--sort", metavar="FIELD", help="in the order of this field, - before it: downwards; default: by slot")
@click.option("--limit", type=click.IntRange(min=1), help="at most so many")
@click.option("--sample", type=click.IntRange(1, 1_000), help="so many by chance")
@click.option("--seed", type=click.IntRange(0, (1 << 31) - 1), default=0, help="of the sample; the same gives the same")
@click.option("facets", "--facet", metavar="FIELD", multiple=True, help="count by this field's values instead")
def records_command(
    job: str,
    record: str | None,
    text: str | None,
    filters: tuple[str, ...],
    fields: tuple[str, ...],
    sort: str | None,
    limit: int | None,
    sample: int | None,
    seed: int,
    facets: tuple[str, ...],
) -> None:
    """Print records of JOB that match, one JSON object a line, `_record_id` last; also while it runs.

    With RECORD, an id or its slot, print where this one came from: row, attributes, prompts, attempts, calls, cost.
    """
    if record is not None:
        consoles.print_json(with_job(job, lambda services, job_id: _told(services, job_id, record)))
        return
    drawn = None if sample is None else Drawn(sample, seed)
    wanted = Search(text, filters, facets, fields, sort, 0 if facets else _PAGE, sample=drawn)
    if facets:
        consoles.print_json(with_job(job, lambda services, job_id: _counts(services, job_id, wanted)))
    else:
        with_job(job, lambda services, job_id: _print(services, job_id, wanted, limit))


async def _print(services: Services, job_id: str, wanted: Search, limit: int | None) -> None:
    """Page by page, so that any number takes little memory."""
    records = of_job((await get_job(services.store, services.settings.tenant, job_id)).document)
    left = limit
    while True:
        page = wanted if left is None else replace(wanted, limit=min(left, _PAGE))
        found = await search(services.store, records, page)
        for hit in found.page.hits[:left]:
            data = hit.document["data"]
            shown = picked(data, found.fields) if found.fields else data
            click.echo(json.dumps({**shown, "_record_id": hit.id}, ensure_ascii=False))
        left = None if left is None else left - len(found.page.hits)
        if found.page.cursor is None or (left is not None and left <= 0):
            return
        wanted = replace(wanted, cursor=found.page.cursor)


async def _counts(services: Services, job_id: str, wanted: Search) -> JsonObject:
    records = of_job((await get_job(services.store, services.settings.tenant, job_id)).document)
    found = await search(services.store, records, wanted)
    return {"total": found.page.total, "facets": {name: dict(values) for name, values in found.facets.items()}}


async def _told(services: Services, job_id: str, record: str) -> JsonObject:
    job = (await get_job(services.store, services.settings.tenant, job_id)).document
    record_id = f"{job_id}-{record}" if record.isdigit() else record
    slot = await find_slot(services.store, job, record_id)
    if slot is None:
        raise UserError(f"nothing came of {record_id} yet, or there is no such slot in job {job_id}")
    return asdict(await story(services.store, job, slot))
