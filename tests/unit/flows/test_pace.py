"""Facts are counted soon after a change, and rarely while nothing happens."""

from synthmill_flows.pace import FIRST_SECONDS, LAST_SECONDS, FlowPace
from tests.support.statuses import status


def test_the_pause_grows_from_two_seconds_to_ten() -> None:
    pace = FlowPace()
    pauses = [pace.seconds(status()) for _ in range(10)]
    assert pauses[0] == FIRST_SECONDS == 2.0
    assert pauses == sorted(pauses)
    assert pauses[-1] == LAST_SECONDS == 10.0


def test_a_change_makes_the_next_look_soon() -> None:
    pace = FlowPace()
    for _ in range(10):
        pace.seconds(status(accepted=100))
    assert pace.seconds(status(accepted=101)) == FIRST_SECONDS
