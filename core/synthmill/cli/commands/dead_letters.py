"""`synthmill dead-letters`: messages that nobody could work on, looked at, replayed or dropped."""

import getpass
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any

import click
from rich.table import Table

from synthmill.cli import consoles, options
from synthmill.cli.find import full_job_id
from synthmill.cli.opening import with_services
from synthmill.dead_letters.letters import Which, all_of, get_letter
from synthmill.dead_letters.replay import Clerk, Decided, Outcome, counts
from synthmill.services import Services
from synthmill_schemas.dead_letter import DeadLetterDocument, LetterState
from synthmill_schemas.slot import RejectClass

_QUEUES = ("jobs", "generation", "exports")
_REFUSED_EXIT = 1
_ids = click.argument("ids", nargs=-1, metavar="[ID]...")
_job = click.option("--job", metavar="JOB", help="those of this job")
_all = click.option("--all", "everything", is_flag=True, help="all that nothing was decided about yet")


@click.group("dead-letters")
def dead_letters_command() -> None:
    """Messages that nobody could work on: each is kept whole, with the evidence.

    The slots of such a request are parked. A replay lets them be tried again; what is dropped stays parked.
    """


@dead_letters_command.command("list")
@_job
@click.option("--queue", type=click.Choice(_QUEUES), help="those of this queue")
@click.option("class_", "--class", type=click.Choice([each.value for each in RejectClass]), help="of this reject class")
@click.option("--state", type=click.Choice([each.value for each in LetterState]), help="parked, replayed or dropped")
@options.json_option
def list_command(job: str | None, queue: str | None, class_: str | None, state: str | None, as_json: bool) -> None:
    """List dead letters, the oldest first."""

    async def find(services: Services) -> list[DeadLetterDocument]:
        wanted = Which(
            await _job_id(services, job),
            queue,
            RejectClass(class_) if class_ else None,
            LetterState(state) if state else None,
        )
        found = [letter async for letter in all_of(services.store, services.settings.tenant, wanted)]
        return sorted(found, key=lambda letter: letter.at)

    letters = with_services(find)
    if as_json:
        consoles.print_json({"dead_letters": [_told(letter) for letter in letters]})
    elif letters:
        consoles.show(_table(letters))
    else:
        consoles.err().print("no dead letters")


@dead_letters_command.command("show")
@click.argument("id_", metavar="ID")
@options.json_option
def show_command(id_: str, as_json: bool) -> None:
    """Show one with its evidence, its headers and its body."""
    letter = with_services(lambda services: get_letter(services.store, services.settings.tenant, id_))
    if as_json:
        consoles.print_json(_told(letter))
        return
    told = _told(letter)
    for name in (
        "report_id",
        "queue",
        "job_id",
        "round",
        "state",
        "at",
        "reason",
        "starts",
        "decided_by",
        "decided_at",
    ):
        if told[name] is not None:
            consoles.show(f"{name:<11} {told[name]}")
    for title in ("evidence", "headers"):
        for name, value in told[title].items():
            consoles.show(f"{title:<11} {name}: {value}")
    consoles.show(f"body        {_body(letter)}")


@dead_letters_command.command("replay")
@_ids
@_job
@_all
@options.json_option
def replay_command(ids: tuple[str, ...], job: str | None, everything: bool, as_json: bool) -> None:
    """Give their work to the services again: by ID, of a job, or all that nothing was decided about.

    Slots that were parked are tried again in a round of their own; a letter that was replayed before is left alone.
    """
    _decide(ids, job, everything, as_json, lambda clerk, letters: clerk.replay(letters))


@dead_letters_command.command("drop")
@_ids
@_job
@_all
@options.json_option
def drop_command(ids: tuple[str, ...], job: str | None, everything: bool, as_json: bool) -> None:
    """Leave them for good: by ID, of a job, or all that nothing was decided about. Their record stays."""
    _decide(ids, job, everything, as_json, lambda clerk, letters: clerk.drop(letters))


def _decide(
    ids: Sequence[str],
    job: str | None,
    everything: bool,
    as_json: bool,
    act: Callable[[Clerk, list[DeadLetterDocument]], Awaitable[list[Decided]]],
) -> None:
    if sum((bool(ids), job is not None, everything)) != 1:
        raise click.UsageError("say which: IDs, --job JOB or --all")

    async def run(services: Services) -> list[Decided]:
        clerk = Clerk(services, services.settings.tenant, "cli", getpass.getuser())
        return await act(clerk, await _chosen(services, ids, job))

    decided = with_services(run)
    if as_json:
        consoles.print_json({"decided": [asdict(each) for each in decided]})
    else:
        for each in decided:
            consoles.show(f"{each.id}  {each.outcome}{': ' + each.reason if each.reason else ''}")
        said = ", ".join(f"{count} {outcome}" for outcome, count in counts(decided).items())
        consoles.err().print(said or "no dead letters to decide about")
    if any(each.outcome is Outcome.REFUSED for each in decided):
        raise click.exceptions.Exit(_REFUSED_EXIT)


async def _chosen(services: Services, ids: Sequence[str], job: str | None) -> list[DeadLetterDocument]:
    store, tenant = services.store, services.settings.tenant
    if ids:
        return [await get_letter(store, tenant, id_) for id_ in dict.fromkeys(ids)]
    wanted = Which(job_id=await _job_id(services, job), state=LetterState.PARKED)
    return [letter async for letter in all_of(store, tenant, wanted)]


async def _job_id(services: Services, given: str | None) -> str | None:
    return None if given is None else await full_job_id(services, services.settings.tenant, given)


def _table(letters: Sequence[DeadLetterDocument]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="quiet")
    for title in ("id", "at", "queue", "class", "job", "starts", "state", "reason"):
        table.add_column(title, overflow="fold")
    for letter in letters:
        moment = letter.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        starts = "" if letter.starts is None else str(letter.starts)
        class_, reason = letter.reject_class or "", " ".join(letter.reason.split())
        table.add_row(letter.report_id, moment, letter.queue, class_, letter.job_id or "", starts, letter.state, reason)
    return table


def _body(letter: DeadLetterDocument) -> str:
    """JSON indented, other text as it is, other bytes as base64."""
    if letter.encoding != "utf-8":
        return f"({letter.encoding}) {letter.body}"
    try:
        return json.dumps(json.loads(letter.body), indent=2, ensure_ascii=False)
    except ValueError:
        return letter.body


def _told(letter: DeadLetterDocument) -> dict[str, Any]:
    return letter.model_dump(mode="json", exclude={"version", "kind"})
