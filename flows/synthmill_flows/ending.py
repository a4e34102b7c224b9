"""How a run ends: the Prefect state that tells the truth, and what its process says and returns."""

from dataclasses import dataclass
from typing import Any

from prefect.client.schemas.objects import State, StateType
from prefect.states import Completed

from synthmill.errors import SynthmillError
from synthmill.jobs.status import Status
from synthmill_schemas.gate_report import GateReport
from synthmill_schemas.job import JobState

_NEXT_STEP = "Retry, or `synthmill resume`, goes on with it"
_NAMES = {
    JobState.COMPLETED_WITH_PARKED: "CompletedWithParked",
    JobState.BLOCKED: "Blocked",
    JobState.PAUSED: "JobPaused",
    JobState.CANCELLED: "Cancelled",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """The exit code of the run's process, and the state in words."""

    exit_code: int
    words: str


def final_state(status: Status, *, allow_parked: bool = False) -> State[None]:
    """Completed when all N are accepted, or parked where that is allowed; else the job's state, reason and counts.

    Every other end but a cancelled one is of type Failed, so that Prefect's Retry works.
    """
    if status.state is JobState.COMPLETED:
        return Completed(message=f"{status.accepted} of {status.requested} records accepted")
    if status.state is JobState.COMPLETED_WITH_PARKED and allow_parked:
        return Completed(name=_NAMES[status.state], message=counted(status))
    type_ = StateType.CANCELLED if status.state is JobState.CANCELLED else StateType.FAILED
    message = f"{status.state}: {status.reason or _NEXT_STEP} ({counted(status)})"
    return State(type=type_, name=_NAMES.get(status.state, "Failed"), message=message)


def blocked_state(status: Status, gate: GateReport) -> State[None]:
    """The gate keeps a complete dataset from being released; `latest` stays where it was."""
    message = f"not released: {gate.reason or 'the gate blocks it'} ({counted(status)})"
    return State(type=StateType.FAILED, name="GateBlocked", message=message)


def counted(status: Status) -> str:
    """The accounting identity in words."""
    return (
        f"{status.accepted} of {status.requested} records accepted, {status.exhausted} exhausted, "
        f"{status.parked} parked, {status.pending} pending"
    )


async def ending_of(state: State[Any]) -> Ending:
    """0: all accepted; an error's own code; 1 for every other end."""
    words = state.message or state.name or state.type.value
    if state.is_completed():
        return Ending(0, words)
    outcome: object = await state.aresult(raise_on_failure=False)
    if isinstance(outcome, SynthmillError):
        return Ending(outcome.exit_code, str(outcome))
    return Ending(1, words)
