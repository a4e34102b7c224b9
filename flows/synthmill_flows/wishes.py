"""What people do to a run in Prefect while it runs: cancel it, or suspend it. The job is told."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, StateType

from synthmill.errors import UserError
from synthmill.jobs.cancel import cancel
from synthmill.jobs.pause import pause
from synthmill.jobs.status import Status
from synthmill.jobs.track import OnStatus
from synthmill.services import Services
from synthmill_flows.display import attempt
from synthmill_flows.identity import Run
from synthmill_flows.leaving import Carrier, carrier_of

LOOK_SECONDS = 5.0
CANCELLED_IN_PREFECT = "its run was cancelled in Prefect; Retry goes on with it"

_CANCELLED = frozenset({StateType.CANCELLING, StateType.CANCELLED})

_log = logging.getLogger(__name__)


class Replaced(Exception):
    """This process does not carry its run on any more; `status` is what it saw last."""

    def __init__(self, status: Status) -> None:
        super().__init__(f"job {status.job_id} is followed by another process, or by nobody")
        self.status = status


def heeding(services: Services, run: Run, clock: Callable[[], float] = time.monotonic) -> OnStatus:
    """Looks at the run's state every few seconds; a worker that could end this process is not needed for it.

    Raises `Replaced` when the run was suspended, or another process has it by now.
    """
    last = clock()

    async def on_status(status: Status) -> None:
        nonlocal last
        if status.running and clock() - last >= LOOK_SECONDS:
            last = clock()
            if await carrier_of(await pass_on(services, run)) is not Carrier.THIS:
                raise Replaced(status)

    return on_status


async def pass_on(services: Services, run: Run) -> State | None:
    """Cancels or pauses the job as its run is; answers the run's state, None when Prefect does not say."""
    state = await attempt(_state_of(run.flow_run_id), "the state of this run")
    with suppress(UserError):  # the job has ended meanwhile
        if state is not None and state.type in _CANCELLED:
            await cancel(services, run.tenant, run.job_id, service="flow", reason=CANCELLED_IN_PREFECT)
        elif state is not None and state.type is StateType.PAUSED:
            reason = "its run was suspended in Prefect; Resume goes on with it"
            await pause(services, run.tenant, run.job_id, service="flow", reason=reason)
    return state


async def _state_of(flow_run_id: str) -> State | None:
    async with get_client() as client:
        return (await client.read_flow_run(UUID(flow_run_id))).state
