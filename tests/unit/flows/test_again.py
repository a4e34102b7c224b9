"""A run that goes on by itself is told from one that a person retried."""

from datetime import timedelta

import pytest
from prefect.client.schemas.objects import State, StateType

from synthmill.runs.telling import CONTINUED
from synthmill_flows.again import Beginning, told_by
from synthmill_schemas.base import now

BEGIN = now()


def history(*states: tuple[StateType, str]) -> list[State]:
    """In any order, as Prefect answers them."""
    told = [
        State(type=type_, message=message, timestamp=BEGIN + timedelta(seconds=at))
        for at, (type_, message) in enumerate(states)
    ]
    return told[::-1]


FIRST = [(StateType.SCHEDULED, "Flow run scheduled"), (StateType.PENDING, ""), (StateType.RUNNING, "")]
RETRIED = (StateType.SCHEDULED, "Retry from the UI")
BY_ITSELF = (StateType.SCHEDULED, f"{CONTINUED} after its process died, 1 of 3 times")


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], Beginning.FIRST),
        (FIRST, Beginning.FIRST),
        ([(StateType.SCHEDULED, ""), (StateType.SCHEDULED, "AwaitingConcurrencySlot"), *FIRST[1:]], Beginning.FIRST),
        ([*FIRST, (StateType.FAILED, ""), RETRIED, (StateType.RUNNING, "")], Beginning.BY_A_PERSON),
        ([*FIRST, (StateType.CRASHED, ""), BY_ITSELF, (StateType.RUNNING, "")], Beginning.BY_ITSELF),
        ([*FIRST, (StateType.PAUSED, ""), (StateType.SCHEDULED, ""), (StateType.PENDING, "")], Beginning.BY_A_PERSON),
        ([*FIRST, BY_ITSELF, (StateType.RUNNING, ""), (StateType.FAILED, ""), RETRIED], Beginning.BY_A_PERSON),
    ],
)
def test_the_last_schedule_tells_why_a_run_begins(states: list[tuple[StateType, str]], expected: Beginning) -> None:
    assert told_by(history(*states)) is expected
