"""Shows a job while it runs: a panel that is drawn anew on a terminal, a line now and then elsewhere. On stderr."""

import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from synthmill.cli import lines
from synthmill.cli.pace import Pace
from synthmill.cli.panel import View, panel
from synthmill.jobs.status import Status
from synthmill_schemas.event import EventDocument

_LINE_SECONDS = 5.0  # between lines when only counts have changed
_DRAWS_PER_SECOND = 4.0


class Display(Protocol):
    """What the conduct of a job tells."""

    def show(self, status: Status, warning: EventDocument | None) -> None:
        """The job as it is now, and the last warning about it."""

    def note(self, text: str | None) -> None:
        """What is going on besides, e.g. that we are stopping; None takes it back."""

    def say(self, text: str) -> None:
        """A line that stays."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None: ...


def open_display(console: Console) -> Display:
    """The display that suits where stderr goes."""
    return LiveDisplay(console) if console.is_terminal and not console.is_dumb_terminal else LineDisplay(console)


class _Seen:
    """The last status with what follows from the ones before."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._pace = Pace()
        self._status: Status | None = None
        self._warning: EventDocument | None = None
        self.note: str | None = None

    def see(self, status: Status, warning: EventDocument | None) -> None:
        self._status, self._warning = status, warning
        self._pace.note(time.monotonic(), status.accepted)

    def view(self) -> View | None:
        status = self._status
        if status is None:
            return None
        return View(
            status,
            speed=self._pace.speed(),
            remaining=self._pace.seconds_for(status.requested - status.accepted - status.parked),
            elapsed=time.monotonic() - self._started,
            warning=self._warning,
            note=self.note,
        )


class LiveDisplay:
    """A panel in place; it disappears at the end, the summary takes its place."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._seen = _Seen()
        self._live = Live(
            console=console,
            get_renderable=self._draw,
            refresh_per_second=_DRAWS_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def show(self, status: Status, warning: EventDocument | None) -> None:
        """Drawn at the next refresh."""
        self._seen.see(status, warning)

    def note(self, text: str | None) -> None:
        """Stands where the state stands."""
        self._seen.note = text

    def say(self, text: str) -> None:
        """Above the panel."""
        self._console.print(Text(text, "quiet"))

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._live.__exit__(kind, error, at)

    def _draw(self) -> RenderableType:
        view = self._seen.view()
        return Text(self._seen.note or "") if view is None else panel(view)


class LineDisplay:
    """A line when the state changes or a warning comes, else every few seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._seen = _Seen()
        self._told: tuple[object, ...] = ()
        self._facts: tuple[int, ...] = ()
        self._warned: str | None = None
        self._last = 0.0

    def show(self, status: Status, warning: EventDocument | None) -> None:
        """Says a line if it is time for one."""
        self._seen.see(status, warning)
        if warning is not None and warning.event_id != self._warned:
            self._warned = warning.event_id
            self.say(lines.warning(warning))
        stage = (status.state, status.round, status.requested)
        due = time.monotonic() - self._last >= _LINE_SECONDS and status.facts != self._facts
        if stage != self._told or due:
            self._told, self._facts, self._last = stage, status.facts, time.monotonic()
            self._say_view()

    def note(self, text: str | None) -> None:
        """Said once."""
        if text is not None and text != self._seen.note:
            self.say(text)
        self._seen.note = text

    def say(self, text: str) -> None:
        """A line."""
        self._console.print(text, soft_wrap=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return None

    def _say_view(self) -> None:
        view = self._seen.view()
        if view is not None:
            self.say(lines.line(view))
