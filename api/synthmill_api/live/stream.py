"""What one listener is sent: changes of state and events, each once and with the position behind it; numbers; the end.

Positions come from stored numbers, so a client that comes back to any process goes on behind what it has read.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from synthmill.services import Services
from synthmill_api.jobs.views import JobProgress
from synthmill_api.kit import sse
from synthmill_api.live.service import Hub, Position
from synthmill_api.live.views import End, StateChanged
from synthmill_api.live.watch import View, Watch
from synthmill_api.results.views import Event
from synthmill_schemas.job import StateChange

RETRY_MILLISECONDS = 2_000


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a stream lasts, and how long it may be silent, in seconds."""

    heartbeat: float
    whole: float


async def stream(
    hub: Hub, services: Services, watch: Watch, position: Position, terms: Terms
) -> AsyncGenerator[bytes, None]:
    """Frames until the job has ended, the time is up, or the process stops."""
    yield sse.retry(RETRY_MILLISECONDS)
    until = asyncio.get_running_loop().time() + terms.whole
    view, told = await watch.ready(), None
    position = replace(position, ended=False)
    while not hub.stopping.is_set():
        for change in _behind(position, view):
            position = replace(position, change=change.n)
            yield _frame("state", StateChanged.of(change), position)
        while position.event < view.events:
            for number, document in await watch.journal.after(position.event):
                position = replace(position, event=number)
                yield _frame("event", Event.of(document), position)
        if view.status is not None and view.status is not told:
            told = view.status
            yield sse.frame("progress", _progress(services, view).model_dump_json())
        if view.ended:
            end = End(job_id=view.job.job_id, state=view.job.state, reason=view.job.reason)
            yield _frame("end", end, replace(position, ended=True))
            return
        seconds = min(terms.heartbeat, until - asyncio.get_running_loop().time())
        if seconds <= 0:
            return
        newer = await _next(hub, watch, view, seconds)
        if newer is None:
            yield sse.HEARTBEAT
        view = newer or view


def _behind(position: Position, view: View) -> Iterator[StateChange]:
    return (change for change in view.changes if change.n > position.change)


def _frame(name: str, said: StateChanged | Event | End, position: Position) -> bytes:
    return sse.frame(name, said.model_dump_json(), str(position))


def _progress(services: Services, view: View) -> JobProgress:
    assert view.status is not None
    return JobProgress.counted(view.job, view.status, services.settings.prefect)


async def _next(hub: Hub, watch: Watch, seen: View, seconds: float) -> View | None:
    """Another view, or None when there is none in time, or the process stops."""
    waiting = asyncio.create_task(watch.other_than(seen))
    stopping = asyncio.create_task(hub.stopping.wait())
    try:
        await asyncio.wait({waiting, stopping}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return waiting.result() if waiting.done() else None
    finally:
        for task in (waiting, stopping):
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(waiting, stopping, return_exceptions=True)
