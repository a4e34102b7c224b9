"""One flow run in a thread of its own, and what may end it early.

Prefect takes over SIGTERM where a flow runs in the main thread and kills the process from there; in another thread it
leaves signals alone, so that the run is cancelled in order and its claim given back.
"""

import asyncio
import gc
import logging
import threading
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from synthmill.errors import Retriable
from synthmill.lifecycle import stop_on_signals
from synthmill.settings import Settings
from synthmill_flows import environment

_STOP_SECONDS = 20.0  # whoever stops us waits 28
_DRAIN_SECONDS = 5.0
_STOPPED = 1  # exit code of a run that was told to stop

_log = logging.getLogger(__name__)


class PrefectUnavailable(Retriable):
    """Prefect's server cannot be reached."""


@dataclass(frozen=True, slots=True)
class FlowOrder:
    """What to run."""

    job_id: str
    tenant: str
    out: Path


async def run_one(settings: Settings, order: FlowOrder, *, watch_stdin: bool) -> int:
    """Runs the flow and answers its exit code; told to stop, it cancels the run and waits for its end."""
    attempt, stop = _Attempt(settings, order), asyncio.Event()
    async with stop_on_signals(stop.set, watch_stdin=watch_stdin):
        ended = asyncio.wrap_future(attempt.start())
        ended.add_done_callback(lambda _: stop.set())
        await stop.wait()
        if ended.done():
            return ended.result()
        attempt.cancel()
        if attempt.began:
            await asyncio.wait({ended}, timeout=_STOP_SECONDS)
        return _STOPPED


class _Attempt:
    """The thread: settings, server, flow, in this order."""

    def __init__(self, settings: Settings, order: FlowOrder) -> None:
        self._settings = settings
        self._order = order
        self._ended: Future[int] = Future()
        self._cancelled = False
        self._task: asyncio.Task[int] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> Future[int]:
        """Begins, and answers the exit code to come."""
        threading.Thread(target=self._run, name="flow", daemon=True).start()
        return self._ended

    @property
    def began(self) -> bool:
        """Whether the flow itself runs or ran; before that there is nothing to end in order."""
        return self._task is not None

    def cancel(self) -> None:
        """Cancels the flow, or keeps it from beginning."""
        self._cancelled = True
        if self._task is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)

    def _run(self) -> None:
        try:
            self._ended.set_result(self._serve_and_run())
        except asyncio.CancelledError:
            self._ended.set_result(_STOPPED)
        except BaseException as error:  # noqa: BLE001  (whoever waits gets it)
            self._ended.set_exception(error)

    def _serve_and_run(self) -> int:
        home = self._settings.home.absolute() / "prefect"
        listener = environment.prepare(home)
        with ExitStack() as stack:
            if listener is not None:
                from synthmill_flows.server import temporary_server

                stack.enter_context(temporary_server(listener, environment.database_file(home)))
            stack.callback(_drain)
            return asyncio.run(self._flow())

    async def _flow(self) -> int:
        from synthmill_flows.ending import ending_of
        from synthmill_flows.generate import generate_dataset
        from synthmill_flows.parameters import GenerateParameters

        gc.freeze()  # what is loaded stays: the collector need not look at it again
        gc.enable()
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        if self._cancelled:
            return _STOPPED
        await _reach_prefect()
        order = self._order
        wanted = GenerateParameters(job_id=order.job_id, tenant=order.tenant, out=str(order.out))
        state = await generate_dataset(wanted, return_state=True)
        ending = await ending_of(state)
        _log.log(logging.ERROR if ending.exit_code else logging.INFO, "job %s: %s", order.job_id, ending.words)
        return ending.exit_code


async def _reach_prefect() -> None:
    """Tells an unreachable server from a fault of ours; the flow engine raises a bare RuntimeError."""
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        fault = await client.api_healthcheck()
    if fault is not None:
        raise PrefectUnavailable(
            f"Prefect's server at {client.api_url} cannot be reached ({fault}): check PREFECT_API_URL, or unset it "
            "to use a temporary server; the job itself goes on"
        )


def _drain() -> None:
    """Sends the server what threads still hold, while there is a server."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    EventsWorker.drain_all(timeout=_DRAIN_SECONDS)
    APILogWorker.drain_all(timeout=_DRAIN_SECONDS)
