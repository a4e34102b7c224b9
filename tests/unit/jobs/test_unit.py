"""A unit of work ends in time, and repeating what was done before takes at most half of it."""

import pytest

from synthmill.jobs.unit import Unit, UnitOver


class Clock:
    """Stands still until it is told."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_unit_ends_when_its_time_is_up() -> None:
    clock = Clock()
    unit = Unit(60, clock)
    clock.now += 59
    unit.end_if_over()
    clock.now += 1
    with pytest.raises(UnitOver):
        unit.end_if_over()


@pytest.mark.parametrize(("repeated", "new"), [(5, 60), (200, 200), (600, 300), (1_000, 60)])
def test_new_work_gets_its_full_time_and_as_long_as_the_repetition_took_within_reason(
    repeated: float, new: float
) -> None:
    clock = Clock()
    unit = Unit(60, clock)
    clock.now += repeated
    unit.caught_up()
    clock.now += new - 1
    assert not unit.over
    clock.now += 1
    assert unit.over


def test_a_unit_without_a_limit_never_ends() -> None:
    clock = Clock()
    unit = Unit(clock=clock)
    clock.now += 1e9
    assert not unit.over
