"""One job as a few calm lines: what it is, how far it is, what was rejected, what it cost."""

from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from synthmill.cli import words
from synthmill.jobs.status import Status
from synthmill_schemas.event import EventDocument, Level
from synthmill_schemas.job import RUNNING_STATES, JobState
from synthmill_schemas.slot import RejectClass

_BAR_WIDTH = 40
_GOOD, _DOUBT, _BAD = "good", "doubt", "bad"


@dataclass(frozen=True, slots=True)
class View:
    """What a display shows at one moment; speed in records a second, times in seconds."""

    status: Status
    speed: float | None = None
    remaining: float | None = None
    elapsed: float | None = None
    warning: EventDocument | None = None
    note: str | None = None


def panel(view: View) -> RenderableType:
    """The lines for a terminal."""
    status = view.status
    lines: list[RenderableType] = [headline(status, view.note), Text(), bar(status), Text()]
    if not status.requested:
        lines[2:] = [ProgressBar(pulse=True, width=_BAR_WIDTH), Text()]
    lines.append(facts(_rows(view)))
    if view.warning is not None:
        lines += [Text(), warning_line(view.warning)]
    return Padding(Group(*lines), (1, 2), expand=False)


def headline(status: Status, note: str | None = None) -> Text:
    """The dataset, the job and what it is doing."""
    doing = note or words.STATE_WORDS[status.state] + (f", round {status.round}" if status.round > 1 else "")
    return Text.assemble(
        (status.dataset, "name"), "  ", (words.short(status.job_id), "quiet"), "  ", (doing, tone(status.state))
    )


def tone(state: JobState) -> str:
    """The style of a state: whether somebody has to look."""
    if state in RUNNING_STATES or state is JobState.CREATED:
        return "cyan"
    return {JobState.COMPLETED: _GOOD, JobState.FAILED: _BAD, JobState.BLOCKED: _BAD}.get(state, _DOUBT)


def bar(status: Status) -> RenderableType:
    """How many of N are accepted."""
    grid = Table.grid(padding=(0, 2))
    text = f"{status.accepted:,} of {status.requested:,} accepted  {words.percent(status.accepted, status.requested)}"
    grid.add_row(ProgressBar(total=max(1, status.requested), completed=status.accepted, width=_BAR_WIDTH), text)
    return grid


def facts(rows: list[tuple[str, str, str]]) -> Table:
    """Label, value and a quieter remark."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="quiet", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value, remark in rows:
        grid.add_row(label, Text.assemble(value, (f"  {remark}" if remark else "", "quiet")))
    return grid


def identity(status: Status) -> str:
    """The accounting of slots: every one of N is in exactly one of four places."""
    return (
        f"{status.requested:,} = {status.accepted:,} accepted + {status.exhausted:,} exhausted "
        f"+ {status.parked:,} parked + {status.pending:,} pending"
    )


def rejected(status: Status) -> tuple[str, str] | None:
    """How many tries were rejected, and why; bad input rows are told apart, they have no slot."""
    tries = {name: number for name, number in status.rejects_by_class.items() if name != RejectClass.INPUT}
    return (words.counted(sum(tries.values()), "try", "tries"), words.classes(tries)) if any(tries.values()) else None


def bad_rows(status: Status) -> int:
    """Rows of the input that could not be used."""
    return status.rejects_by_class.get(RejectClass.INPUT, 0)


def cost(status: Status) -> tuple[str, str]:
    """Money, and what it was paid for."""
    tokens = status.tokens.prompt + status.tokens.completion
    remark = f"{tokens:,} tokens in {words.counted(status.llm_calls, 'call')}" if status.llm_calls else "no calls yet"
    return words.money(status.cost_usd), remark


def warning_line(event: EventDocument) -> Text:
    """The last thing that went wrong, with its time."""
    moment = event.at.astimezone().strftime("%H:%M:%S")
    style = _BAD if event.level is Level.ERROR else _DOUBT
    return Text.assemble((f"{moment}  {event.name}  ", style), (event.message, "quiet"))


def _rows(view: View) -> list[tuple[str, str, str]]:
    status = view.status
    rows: list[tuple[str, str, str]] = []
    if view.speed and status.running:
        left = f"about {words.duration(view.remaining)} left" if view.remaining else ""
        rows.append(("speed", words.speed(view.speed), left))
    if view.elapsed is not None:
        rows.append(("elapsed", words.duration(view.elapsed), ""))
    if (tries := rejected(status)) is not None:
        rows.append(("rejected", *tries))
    if status.exhausted or status.parked:
        rows.append(("unfilled", f"{status.exhausted:,} exhausted, {status.parked:,} parked", ""))
    if bad_rows(status):
        rows.append(
            (
                "input",
                f"{words.counted(bad_rows(status), 'row')} left out",
                f"see synthmill logs {words.short(status.job_id)} --rejects",
            )
        )
    return [*rows, ("cost", *cost(status))]
