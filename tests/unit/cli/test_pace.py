"""Speed and time left, from what was seen lately."""

import pytest

from synthmill.cli.pace import Pace


def seen(*sights: tuple[float, int]) -> Pace:
    pace = Pace()
    for moment, accepted in sights:
        pace.note(moment, accepted)
    return pace


def test_nothing_is_said_before_a_second_has_passed() -> None:
    assert seen().speed() is None
    assert seen((0.0, 0), (0.9, 50)).speed() is None


def test_the_speed_is_that_of_the_window_not_of_the_whole_run() -> None:
    slow_start = [(float(second), second) for second in range(100)]
    fast_end = [(100.0 + second, 100 + 50 * second) for second in range(31)]
    assert seen(*slow_start, *fast_end).speed() == pytest.approx(50)


def test_the_time_left_follows_the_speed() -> None:
    assert seen((0.0, 0), (10.0, 100)).seconds_for(50) == pytest.approx(5)


def test_a_standstill_has_no_time_left() -> None:
    standing = seen((0.0, 7), (10.0, 7))
    assert standing.speed() == 0
    assert standing.seconds_for(3) is None
