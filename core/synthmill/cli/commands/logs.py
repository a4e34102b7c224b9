"""`synthmill logs`: the events of a job in the order in which they happened."""

import asyncio
from collections.abc import AsyncIterator

import click
from rich.text import Text

from synthmill.cli import consoles, options
from synthmill.cli.environment import load_settings
from synthmill.cli.find import full_job_id, require_jobs
from synthmill.ports.records import Collection, Place
from synthmill.services import Services, open_services
from synthmill.settings import Settings
from synthmill_schemas.event import EventDocument, Level

_STYLES = {Level.DEBUG: "quiet", Level.INFO: "", Level.WARNING: "doubt", Level.ERROR: "bad"}


@click.command("logs")
@options.job_argument
@click.option("as_json", "--json", is_flag=True, help="one event a line, as JSON")
def logs_command(job: str, as_json: bool) -> None:
    """Show what happened to JOB: each event with its time, service and name."""
    settings = load_settings()
    require_jobs(settings)
    asyncio.run(_print(settings, job, as_json=as_json))


async def _print(settings: Settings, given: str, *, as_json: bool) -> None:
    async with open_services(settings) as services:
        job_id = await full_job_id(services, settings.tenant, given)
        number = 0
        async for event in _events(services, settings.tenant, job_id):
            number += 1
            if as_json:
                consoles.print_json(event.model_dump(mode="json"), indent=None)
            else:
                consoles.show(_line(event))
    if not number:
        consoles.err().print(f"nothing has happened to job {job_id} yet")


async def _events(services: Services, tenant: str, job_id: str) -> AsyncIterator[EventDocument]:
    place = Place(tenant, Collection.EVENTS)
    await services.store.visible(place)
    async for stored in services.store.scan(place, {"job_id": job_id}, sort="at"):
        yield EventDocument.model_validate(stored.document)


def _line(event: EventDocument) -> Text:
    at = event.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    style = _STYLES[event.level]
    return Text.assemble(
        (f"{at}  {event.service:<9}", "quiet"), (f" {event.name}", style or "name"), "  ", event.message
    )
