"""Runs whose process is gone, or has to go, are scheduled again as the same run: their jobs are not begun anew.

A Prefect worker that stops leaves its runs in the state Running for ever; one that dies does so as well.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import AwaitingRetry, Cancelled

from synthmill.runs.telling import CONTINUED
from synthmill_flows.pool.templates import POOL

_NAME = "prefect.worker.name"
_UNDER_WAY = (StateType.RUNNING, StateType.PENDING, StateType.CANCELLING)
_GOES_ON = frozenset({StateType.RUNNING, StateType.PENDING, StateType.CRASHED})
_UNSTARTED = timedelta(seconds=60)
_END_SECONDS = 5.0
_LOOK_SECONDS = 0.1

_log = logging.getLogger(__name__)


async def runs_of(client: PrefectClient, worker: str) -> list[FlowRun]:
    """Runs under way that a worker of this name took, and those that some worker took and never started."""
    states = FlowRunFilterState(type=FlowRunFilterStateType(any_=list(_UNDER_WAY)))
    pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL]))
    found = await client.read_flow_runs(flow_run_filter=FlowRunFilter(state=states), work_pool_filter=pool)
    return [run for run in found if run.labels.get(_NAME) == worker or _never_started(run)]


async def continue_dead(client: PrefectClient, worker: str) -> None:
    """For a worker that begins: runs of its earlier life go on, unless their process still lives."""
    for run in await runs_of(client, worker):
        if not is_alive(run):
            await hand_over(client, run, "its worker died")


async def end(runs: list[FlowRun]) -> None:
    """Ends the processes of these runs that are left, in order if they can."""
    for number, seconds in ((signal.SIGTERM, _END_SECONDS), (signal.SIGKILL, _END_SECONDS)):
        for run in filter(is_alive, runs):
            with suppress(ProcessLookupError):
                os.kill(int(run.infrastructure_pid or 0), number)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await _until(lambda: not any(map(is_alive, runs)))
                return


async def hand_over(client: PrefectClient, run: FlowRun, why: str) -> None:
    """The next worker goes on with it; one that was being cancelled is cancelled."""
    state = (await client.read_flow_run(run.id)).state
    if state is None or (state.type not in _GOES_ON and state.type is not StateType.CANCELLING):
        return
    if state.type is StateType.CANCELLING:
        await client.set_flow_run_state(run.id, Cancelled(message=f"cancelled; {why}"), force=True)
        return
    again: State[None] = AwaitingRetry(message=f"{CONTINUED}: {why}", scheduled_time=datetime.now(UTC))
    await client.set_flow_run_state(run.id, again, force=True)
    _log.info("run %s goes on in the next worker: %s", run.id, why, extra={"flow_run_id": str(run.id)})


def is_alive(run: FlowRun) -> bool:
    """Whether its process is there and still one of Prefect's: numbers of processes are used again."""
    pid = run.infrastructure_pid
    if pid is None or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    command = Path(f"/proc/{pid}/cmdline")
    with suppress(OSError):
        return b"prefect" in command.read_bytes()
    return True


def _never_started(run: FlowRun) -> bool:
    state = run.state
    stuck = state is not None and state.type is StateType.PENDING and run.infrastructure_pid is None
    return stuck and state is not None and state.timestamp < datetime.now(UTC) - _UNSTARTED


async def _until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110  processes that are nobody's children here tell nothing
        await asyncio.sleep(_LOOK_SECONDS)
