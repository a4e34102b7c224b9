"""A run ends as the job did: in Prefect, and as a process."""

import pytest
from prefect.client.schemas.objects import State, StateType
from prefect.states import Completed, Failed, exception_to_failed_state

from synthmill.errors import JobMissing, StoreUnavailable
from synthmill_flows.ending import Ending, ending_of, final_state
from synthmill_schemas.job import JobState
from tests.support.statuses import completed, status


def test_all_records_make_a_completed_run() -> None:
    state = final_state(completed())
    assert state.type is StateType.COMPLETED
    assert state.message == "200 of 200 records accepted"


STOPPED = [name for name in JobState if name not in (JobState.COMPLETED, JobState.CANCELLED)]
COUNTS = "(100 of 200 records accepted, 3 exhausted, 1 parked, 96 pending)"


@pytest.mark.parametrize("name", STOPPED)
def test_every_other_end_is_a_failed_run_that_says_why(name: JobState) -> None:
    state = final_state(status(state=name, reason="the provider refuses the key"))
    assert state.type is StateType.FAILED
    assert state.message == f"{name}: the provider refuses the key {COUNTS}"


def test_a_state_names_what_a_person_can_do_something_about() -> None:
    names = {name: final_state(status(state=name)).name for name in STOPPED}
    assert names[JobState.BLOCKED] == "Blocked"
    assert names[JobState.COMPLETED_WITH_PARKED] == "CompletedWithParked"
    assert names[JobState.PAUSED] == "JobPaused"
    assert names[JobState.FAILED] == "Failed"


def test_a_cancelled_job_is_a_cancelled_run_with_its_numbers() -> None:
    state = final_state(status(state=JobState.CANCELLED, reason="cancelled through the API"))
    assert state.type is StateType.CANCELLED
    assert state.message == f"cancelled: cancelled through the API {COUNTS}"


def test_parked_slots_complete_a_run_only_where_that_is_allowed() -> None:
    ended = status(state=JobState.COMPLETED_WITH_PARKED, accepted=199, exhausted=0)
    assert final_state(ended).type is StateType.FAILED
    allowed = final_state(ended, allow_parked=True)
    assert (allowed.type, allowed.name) == (StateType.COMPLETED, "CompletedWithParked")
    assert final_state(status(state=JobState.FAILED), allow_parked=True).type is StateType.FAILED


def test_an_end_without_a_reason_says_what_to_do() -> None:
    message = final_state(status(state=JobState.PAUSED, reason=None)).message
    assert message == f"paused: Retry, or `synthmill resume`, goes on with it {COUNTS}"


async def test_only_all_records_exit_with_0() -> None:
    assert await ending_of(Completed(message="200 of 200 records accepted")) == Ending(0, "200 of 200 records accepted")
    assert await ending_of(Failed(message="blocked: no key")) == Ending(1, "blocked: no key")


@pytest.mark.parametrize(
    ("error", "code"), [(JobMissing("no job"), 2), (StoreUnavailable("away"), 75), (ValueError("odd"), 1)]
)
async def test_an_error_exits_with_its_own_code(error: Exception, code: int) -> None:
    state: State[object] = await exception_to_failed_state(error)
    assert (await ending_of(state)).exit_code == code
