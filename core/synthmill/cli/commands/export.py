"""`synthmill export`: one file of a job's records; on the stack the worker writes it and a URL leads to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path

import click

from synthmill.cli import consoles, options, words
from synthmill.cli.environment import load_settings
from synthmill.cli.find import full_job_id, require_jobs
from synthmill.cli.form_options import form_options
from synthmill.cli.save import STDOUT, save
from synthmill.errors import ChecksumMismatch, ExportFailed
from synthmill.jobs.documents import get_job
from synthmill.jobs.export.formats import Form
from synthmill.jobs.export.requests import OPEN_STATES, get_export, request_export, seconds_left
from synthmill.jobs.export.stream import file_stream
from synthmill.ports.broker import Queue
from synthmill.services import Services, open_services
from synthmill.settings import Profile, Settings
from synthmill_schemas.base import JsonObject
from synthmill_schemas.file_export import ExportDocument, ExportState

_POLL_SECONDS = 0.3
_READ_BYTES = 1 << 20

Write = Callable[[Services, str, Form, Path | None], Awaitable[JsonObject]]


@click.command("export")
@options.job_argument
@form_options
@options.file_option(default="its own name here, on the stack a URL instead")
@options.json_option
def export_command(job: str, form: Form, output: Path | None, as_json: bool) -> None:
    """Write the records of JOB into one file, also while it runs.

    On the stack profile the worker writes it into the object store: without --output its URL is printed, which works
    for a day.
    """
    settings = load_settings()
    require_jobs(settings)
    if as_json and output == STDOUT:
        raise click.UsageError("--json and --output - both want stdout")
    write = _on_stack if settings.profile is Profile.STACK else _here
    told = asyncio.run(_run(settings, job, form, output, write))
    if as_json:
        consoles.print_json(told)
    else:
        _show(told)


async def _run(settings: Settings, given: str, form: Form, output: Path | None, write: Write) -> JsonObject:
    async with open_services(settings) as services:
        return await write(services, await full_job_id(services, settings.tenant, given), form, output)


async def _here(services: Services, job_id: str, form: Form, output: Path | None) -> JsonObject:
    """Straight from the store into the file."""
    job = (await get_job(services.store, services.settings.tenant, job_id)).document
    stream = file_stream(services.store, job, form)
    path = output or Path(form.file_name(job.dataset))
    saved = await save(stream.chunks(), path)
    return {"job_id": job_id, "path": str(path), "records": stream.records, "size": saved.size, "sha256": saved.sha256}


async def _on_stack(services: Services, job_id: str, form: Form, output: Path | None) -> JsonObject:
    """Ordered from the worker; fetched, or handed out as a URL."""
    export = await _done(services, await request_export(services, services.settings.tenant, job_id, form))
    told: JsonObject = export.model_dump(mode="json", exclude={"lease", "object_key", "kind", "version"})
    if output is None:
        return {**told, "url": await services.objects.presign(export.object_key or "", max(1, seconds_left(export)))}
    saved = await save(_fetched(services, export), output)
    if saved.sha256 != export.sha256:
        raise ChecksumMismatch(f"{output} is not what was written (sha256 {saved.sha256}): fetch it again")
    return {**told, "path": str(output)}


async def _done(services: Services, export: ExportDocument) -> ExportDocument:
    """The export once it is decided; it waits for a worker, however long."""
    told = False
    while export.state in OPEN_STATES:
        if not told and not (await services.broker.depth(Queue.EXPORTS)).consumers:
            consoles.err().print("no worker listens at queue exports: the file is written once one is started")
            told = True
        await asyncio.sleep(_POLL_SECONDS)
        export = (await get_export(services.store, export.tenant, export.export_id)).document
    if export.state is not ExportState.DONE:
        raise ExportFailed(f"{export.file_name} is {export.state}: {export.reason or 'ask for it again'}")
    return export


async def _fetched(services: Services, export: ExportDocument) -> AsyncIterator[bytes]:
    async with services.objects.open(export.object_key or "") as file:
        while block := await asyncio.to_thread(file.read, _READ_BYTES):
            yield block


def _show(told: JsonObject) -> None:
    shown = f"{words.counted(told['records'], 'record')}, {words.size(told['size'])}"
    if "url" in told:
        click.echo(told["url"])
        moment = datetime.fromisoformat(told["expires_at"]).astimezone().strftime("%Y-%m-%d %H:%M")
        consoles.err().print(f"{shown}; the URL works until {moment}")
    elif told["path"] == str(STDOUT):
        consoles.err().print(shown)
    else:
        consoles.show(f"{shown} in {told['path']}")
