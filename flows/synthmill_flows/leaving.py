"""When another process carries the run on, and how this one leaves: nothing is left without a process.

A run that was suspended is begun anew in another process by Resume. The one that was told to suspend ends at its next
look, which may be after that, so that for seconds a run has two processes. The older one leaves.
"""

from enum import StrEnum
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.context import FlowRunContext
from prefect.exceptions import Abort, Pause
from prefect.states import Scheduled, Suspended

from synthmill_flows.display import attempt

SUSPENDED_SECONDS = 30 * 24 * 3600  # Prefect fails a run that nobody resumes


class Carrier(StrEnum):
    """Who carries a run on."""

    THIS = "this process"
    NOBODY = "nobody, until it is resumed"
    NEXT = "another process, which begins or has begun"


async def leave_if_replaced(state: State | None) -> None:
    """Ends this process' part in a run that is not its any more; the run's state stays as it is.

    `state`: the run's, None when Prefect does not say. Raises one of Prefect's signals.
    """
    match await carrier_of(state):
        case Carrier.NOBODY:
            raise Pause(state=state)
        case Carrier.NEXT:
            raise Abort("another process carries this run on")


async def carrier_of(state: State | None) -> Carrier:
    """Who carries this run on when it is in this state; this process while Prefect does not say.

    A run without a deployment cannot be begun anew, and stays with its process.
    """
    began = _began_as()
    if state is None or began is None or began.deployment_id is None or began.state is None:
        return Carrier.THIS
    match state.type:
        case StateType.PAUSED:
            return Carrier.NOBODY
        case StateType.SCHEDULED | StateType.PENDING:
            return Carrier.NEXT
        case StateType.RUNNING if state.id != began.state.id:
            asked = await attempt(_scheduled_since(began.id, began.state), "who carries this run on")
            return Carrier.NEXT if asked else Carrier.THIS
    return Carrier.THIS


async def let_resume(flow_run_id: str) -> None:
    """Makes sure that a suspended run gets a process when it is resumed, or gets one now if it was resumed already.

    Prefect schedules a resumed run only if its state says so (`pause_reschedule`), as the UI and `suspend_flow_run`
    write it. One that was suspended by a bare state is said to run at once, as if a process had waited in it; Prefect's
    engine has ended that process, or will at its next task, and the run would run nowhere.
    """
    began = _began_as()
    if began is None or began.deployment_id is None or began.state is None:
        return
    async with get_client() as client:
        state = (await client.read_flow_run(UUID(flow_run_id))).state
        if state is None:
            return
        if state.type is StateType.PAUSED and not state.state_details.pause_reschedule:
            # forced, as Prefect's rules suspend only what runs
            await client.set_flow_run_state(began.id, _suspended_as(state), force=True)
        elif state.type is StateType.RUNNING and not await _scheduled_since(began.id, began.state):
            await client.set_flow_run_state(began.id, Scheduled(name="Resuming"))


def _suspended_as(state: State) -> State[None]:
    suspended: State[None] = Suspended(timeout_seconds=SUSPENDED_SECONDS)
    suspended.message = state.message
    return suspended


async def _scheduled_since(flow_run_id: UUID, since: State) -> bool:
    """Whether a worker was asked for another process."""
    async with get_client() as client:
        states = await client.read_flow_run_states(flow_run_id)
    return any(state.type is StateType.SCHEDULED and state.timestamp > since.timestamp for state in states)


def _began_as() -> FlowRun | None:
    """The run as it was when this process began with it."""
    context = FlowRunContext.get()
    return None if context is None else context.flow_run
