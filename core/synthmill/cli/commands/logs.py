"""`synthmill logs`: the events of a job, or its rejects, in the order in which they happened."""

from datetime import datetime

import click
from rich.text import Text

from synthmill.cli import consoles, options
from synthmill.cli.look import reject_place
from synthmill.cli.opening import with_job
from synthmill.ports.records import Collection, Document, Place
from synthmill.services import Services
from synthmill_schemas.event import EventDocument, Level
from synthmill_schemas.ledger import RejectDocument

_STYLES = {Level.DEBUG: "dim", Level.INFO: "name", Level.WARNING: "doubt", Level.ERROR: "bad"}


@click.command("logs")
@options.job_argument
@click.option("--rejects", is_flag=True, help="every rejected try and every row left out, instead of events")
@click.option("as_json", "--json", is_flag=True, help="one document a line, as JSON")
def logs_command(job: str, rejects: bool, as_json: bool) -> None:
    """Show what happened to JOB: each event with its time, service and name."""
    collection = Collection.REJECTS if rejects else Collection.EVENTS
    shown = with_job(job, lambda services, job_id: _print(services, job_id, collection, as_json=as_json))
    if not shown:
        consoles.err().print("nothing was rejected" if rejects else "nothing has happened yet")


async def _print(services: Services, job_id: str, collection: Collection, *, as_json: bool) -> int:
    """Prints line by line, so that any number takes little memory; answers how many there were."""
    place, shown = Place(services.settings.tenant, collection), 0
    await services.store.visible(place)
    async for stored in services.store.scan(place, {"job_id": job_id}, sort="at"):
        shown += 1
        if as_json:
            consoles.print_json(stored.document, indent=None)
        else:
            consoles.show(_line(collection, stored.document))
    return shown


def _line(collection: Collection, document: Document) -> Text:
    if collection is Collection.EVENTS:
        event = EventDocument.model_validate(document)
        return Text.assemble(
            _at(event.at), (f"{event.service:<9} ", "quiet"), (event.name, _STYLES[event.level]), "  ", event.message
        )
    reject = RejectDocument.model_validate(document)
    return Text.assemble(
        _at(reject.at),
        (f"{reject.reject_class:<9} ", "doubt"),
        (reject_place(reject), "name"),
        "  ",
        " ".join(reject.reason.split()),
    )


def _at(moment: datetime) -> tuple[str, str]:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S  "), "quiet"
