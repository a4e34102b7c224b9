"""How a run ends: the Prefect state that tells the truth, and what its process says and returns."""

from dataclasses import dataclass
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from synthmill.errors import SynthmillError
from synthmill.jobs.status import Status
from synthmill_schemas.job import JobState

_NEXT_STEP = "`synthmill resume` continues it"


@dataclass(frozen=True, slots=True)
class Ending:
    """The exit code of the run's process, and the state in words."""

    exit_code: int
    words: str


def final_state(status: Status) -> State[None]:
    """Completed when all N are accepted; else Failed with the job's state and reason, so that Prefect's Retry works."""
    if status.state is JobState.COMPLETED:
        return Completed(message=f"{status.accepted} of {status.requested} records accepted")
    return Failed(message=f"{status.state}: {status.reason or _NEXT_STEP}")


async def ending_of(state: State[Any]) -> Ending:
    """0: all accepted; an error's own code; 1 for every other end."""
    words = state.message or state.name or state.type.value
    if state.is_completed():
        return Ending(0, words)
    outcome: object = await state.aresult(raise_on_failure=False)
    if isinstance(outcome, SynthmillError):
        return Ending(outcome.exit_code, str(outcome))
    return Ending(1, words)
