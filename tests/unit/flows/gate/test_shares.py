"""How far a share may be off: what chance does is allowed, what a biased draw does is not."""

import pytest

from synthmill_flows.gate.shares import declared, drawn


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("records", [1, 10, 1_000, 1_000_000])
def test_the_expected_number_is_always_allowed(share: float, records: int) -> None:
    low, high = drawn(share, records)
    assert 0 <= low <= share * records <= high <= records


def test_six_deviations_are_allowed_and_a_tenth_of_a_half_is_not() -> None:
    low, high = drawn(0.5, 10_000)
    assert low <= 5_000 - 6 * 50
    assert high < 5_500


def test_few_records_say_little_about_a_share() -> None:
    assert drawn(0.5, 4) == (0, 4)


def test_a_rare_value_may_come_more_than_once_but_not_everywhere() -> None:
    low, high = drawn(0.001, 100)
    assert low == 0
    assert 3 <= high < 100


@pytest.mark.parametrize(
    ("share", "tolerance", "records", "bounds"),
    [
        (0.5, 0.0, 10, (5, 5)),
        (0.5, 0.0, 11, (5, 6)),
        (0.25, 0.05, 200, (40, 60)),
        (0.0, 0.1, 50, (0, 5)),
        (1, 0.5, 9, (4, 9)),
    ],
)
def test_a_declared_tolerance_is_kept_to_whole_records(
    share: float, tolerance: float, records: int, bounds: tuple[int, int]
) -> None:
    assert declared(share, tolerance, records) == bounds
