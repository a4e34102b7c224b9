"""Numbers as people read them."""

from datetime import timedelta

import pytest

from synthmill.cli import words
from synthmill_schemas.base import now
from tests.support.statuses import JOB


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (None, "unknown"),
        (0.0, "$0.00"),
        (0.0042, "$0.0042"),
        (0.41, "$0.41"),
        (1e-6, "less than $0.0001"),
        (0.996, "$1.00"),
        (1234.5, "$1,234.50"),
    ],
)
def test_money_keeps_the_decimals_that_matter(usd: float | None, text: str) -> None:
    assert words.money(usd) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.42, "0.4 s"), (9.99, "10.0 s"), (48.2, "48 s"), (59.7, "1 min 00 s"), (192, "3 min 12 s"),
     (3_900, "1 h 05 min"), (180_000, "2 d 2 h")],
)  # fmt: skip
def test_durations_show_their_two_largest_units(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


def test_percent_is_rounded_down_so_that_100_means_all() -> None:
    assert words.percent(1_999, 2_000) == "99 %"
    assert words.percent(2_000, 2_000) == "100 %"
    assert words.percent(0, 0) == "0 %"


def test_slow_speeds_are_told_by_the_minute() -> None:
    assert words.speed(41.25) == "41.2 records/s"
    assert words.speed(0.2) == "12.0 records/min"


def test_classes_come_by_frequency_and_none_without_number() -> None:
    assert words.classes({"parse": 1, "schema": 1_200, "input": 0}) == "1,200 schema, 1 parse"


def test_one_is_singular() -> None:
    assert words.counted(1, "try", "tries") == "1 try"
    assert words.counted(2_000, "record") == "2,000 records"


def test_only_ids_that_we_made_are_shortened() -> None:
    assert words.short(JOB) == "3f2a9c1b"
    assert words.short("nightly-2026-01-31") == "nightly-2026-01-31"


def test_sizes_and_ages() -> None:
    assert words.size(999) == "999 B"
    assert words.size(51_200) == "51.2 kB"
    assert words.ago(now() - timedelta(hours=5)) == "5 h ago"
