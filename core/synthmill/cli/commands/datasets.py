"""`synthmill datasets`: what was released, by version."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import click
from rich.table import Table

from synthmill.cli import consoles, options, words
from synthmill.cli.form_options import form_options
from synthmill.cli.opening import with_services
from synthmill.cli.save import STDOUT, save
from synthmill.jobs.documents import get_job
from synthmill.jobs.export.formats import Form
from synthmill.jobs.export.stream import version_stream
from synthmill.jobs.release.versions import datasets_in, shown_in, version_wanted, versions_in
from synthmill.ports.records import Collection, Document, Place, Query
from synthmill.services import Services
from synthmill_schemas.dataset import DatasetDocument, VersionDocument

_PAGE = 500


@click.group("datasets")
def datasets_command() -> None:
    """Released datasets. Each release is a version; `latest` is the last one."""


@datasets_command.command("list")
@options.json_option
def list_command(as_json: bool) -> None:
    """List datasets with their latest version."""

    async def find(services: Services) -> list[VersionDocument]:
        store, tenant = services.store, services.settings.tenant
        return [await _latest(services, found) async for found in datasets_in(store, tenant)]

    versions = with_services(find)
    if as_json:
        consoles.print_json({"datasets": [_told(version) for version in versions]})
    elif versions:
        consoles.show(_table(versions))
    else:
        consoles.err().print("no dataset is released; a run with Prefect releases its dataset when it completes")


@datasets_command.command("show")
@click.argument("name", metavar="NAME")
@options.json_option
def show_command(name: str, as_json: bool) -> None:
    """Show every version of a dataset: its records, what it added and ended, its job, when it was released."""

    async def find(services: Services) -> list[VersionDocument]:
        store, tenant = services.store, services.settings.tenant
        await version_wanted(store, tenant, name, None)
        return [version async for version in versions_in(store, tenant, name)]

    versions = with_services(find)
    if as_json:
        consoles.print_json({"dataset": name, "versions": [_told(version) for version in versions]})
    else:
        consoles.show(_table(versions))


@datasets_command.command("records")
@click.argument("name", metavar="NAME")
@click.option("--version", type=click.IntRange(min=1), help="of this version; default: the latest")
@click.option("--text", metavar="WORDS", help="those that hold all these words")
@click.option("--limit", type=click.IntRange(min=1), help="at most so many")
def records_command(name: str, version: int | None, text: str | None, limit: int | None) -> None:
    """Print the records that a version shows, one JSON object a line, `_record_id` last."""

    async def write(services: Services) -> None:
        wanted = await version_wanted(services.store, services.settings.tenant, name, version)
        place = Place(services.settings.tenant, Collection.RECORDS, name)
        left = limit
        async for record in _matching(services, place, wanted.number, text):
            if left == 0:
                return
            left = None if left is None else left - 1
            click.echo(json.dumps({**record["data"], "_record_id": record["record_id"]}, ensure_ascii=False))

    with_services(write)


@datasets_command.command("export")
@click.argument("name", metavar="NAME")
@click.option("--version", type=click.IntRange(min=1), help="this version; default: the latest")
@form_options
@options.file_option(default="its own name here")
def export_command(name: str, version: int | None, form: Form, output: Path | None) -> None:
    """Write the records that a version shows into one file, in the order of their ids."""

    async def write(services: Services) -> tuple[Path, int, int]:
        store, tenant = services.store, services.settings.tenant
        wanted = await version_wanted(store, tenant, name, version)
        job = (await get_job(store, tenant, wanted.job_id)).document
        stream = version_stream(store, job, wanted.number, form)
        path = output or Path(form.file_name(f"{name}.v{wanted.number}"))
        saved = await save(stream.chunks(), path)
        return path, stream.records, saved.size

    path, count, size = with_services(write)
    shown = f"{words.counted(count, 'record')}, {words.size(size)}"
    if path == STDOUT:
        consoles.err().print(shown)
    else:
        consoles.show(f"{shown} in {path}")


async def _matching(services: Services, place: Place, version: int, text: str | None) -> AsyncIterator[Document]:
    """Page by page, so that neither the records nor those that match have to fit into memory."""
    await services.store.visible(place)
    query = Query(shown_in(version), text, limit=_PAGE)
    while True:
        page = await services.store.search(place, query)
        for hit in page.hits:
            yield hit.document
        if page.cursor is None:
            return
        query = Query(query.where, text, limit=_PAGE, cursor=page.cursor)


async def _latest(services: Services, dataset: DatasetDocument) -> VersionDocument:
    return await version_wanted(services.store, dataset.tenant, dataset.dataset, dataset.latest)


def _table(versions: list[VersionDocument]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="quiet")
    table.add_column("dataset", overflow="fold")
    for title in ("version", "records", "added", "ended"):
        table.add_column(title, justify="right")
    for title in ("released at", "job"):
        table.add_column(title, overflow="fold")
    for version in versions:
        moment = version.released_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        numbers = (version.number, version.records, version.added, version.ended)
        table.add_row(version.dataset, *(str(number) for number in numbers), moment, version.job_id)
    return table


def _told(version: VersionDocument) -> Document:
    return version.model_dump(mode="json", exclude={"version", "kind", "tenant"})
