"""Samplers: in range, with the distribution asked for, whatever stands around them."""

import math
import re
import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from statistics import fmean, pstdev
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from synthmill.planning.counts import Poisson
from synthmill.planning.samplers import sample
from synthmill.planning.tuples import TupleMaker
from synthmill.recipes import CompiledRecipe
from synthmill_schemas.recipe import SamplerColumn
from tests.support.recipes import COLOUR, compiled, expression, sampler

SEEDS = st.integers(0, (1 << 53) - 1)
DAYS = {"start": "2024-01-01", "end": "2024-03-01"}


def column_of(type_: str, **settings: object) -> SamplerColumn:
    column = compiled(sampler("x", type_, **settings)).tuple_columns[0]
    assert isinstance(column, SamplerColumn)
    return column


def drawn(type_: str, count: int = 1000, seed: int = 0, **settings: object) -> list[Any]:
    draw = sample(column_of(type_, **settings), seed, count)
    return [draw(slot, {}) for slot in range(count)]


def tuples(recipe: CompiledRecipe, count: int = 100) -> list[Mapping[str, Any]]:
    maker = TupleMaker(recipe, count)
    return [maker.attributes(slot) for slot in range(count)]


@given(SEEDS, st.floats(-1e6, 1e6), st.floats(0, 1e6), st.none() | st.integers(0, 15))
def test_uniform_numbers_stay_in_their_range(seed: int, low: float, width: float, decimals: int | None) -> None:
    high = low + width
    assume(decimals is None or math.floor(high * 10.0**decimals) > math.ceil(low * 10.0**decimals))

    values = drawn("uniform", 20, seed, low=low, high=high, decimals=decimals)

    assert all(low <= value <= high for value in values)
    if decimals is not None:
        assert all(round(value, decimals) == value for value in values)


def test_uniform_numbers_reach_both_ends_of_a_grid() -> None:
    counts = Counter(drawn("uniform", 6000, low=1, high=6, decimals=0))

    assert set(counts) == {1, 2, 3, 4, 5, 6}
    assert all(isinstance(value, int) for value in counts)
    assert all(850 <= count <= 1150 for count in counts.values())


def test_uniform_numbers_with_decimals_are_the_nearest_floats() -> None:
    assert set(drawn("uniform", 200, low=0.1, high=0.3, decimals=1)) == {0.1, 0.2, 0.3}


@given(SEEDS, st.floats(-1e6, 1e6), st.floats(0, 1e6), st.none() | st.integers(0, 6))
def test_gaussian_numbers_are_clipped(seed: int, mean: float, stddev: float, decimals: int | None) -> None:
    low, high = mean - 10, mean + 2.5

    values = drawn("gaussian", 20, seed, mean=mean, stddev=stddev, low=low, high=high, decimals=decimals)

    assert all(low <= value <= high for value in values)


def test_gaussian_numbers_have_their_mean_and_spread() -> None:
    values = drawn("gaussian", 5000, mean=40, stddev=10)

    assert fmean(values) == pytest.approx(40, abs=0.6)
    assert pstdev(values) == pytest.approx(10, abs=0.5)


def test_a_gaussian_without_spread_is_its_mean() -> None:
    assert set(drawn("gaussian", 10, mean=2.5, stddev=0)) == {2.5}


@pytest.mark.parametrize("mean", [0.001, 0.7, 4, 60, 1_000, 10_000])
def test_poisson_counts_have_their_mean_and_variance(mean: float) -> None:
    values = drawn("poisson", 5000, mean=mean)
    error = math.sqrt(mean / 5000)

    assert all(isinstance(value, int) and value >= 0 for value in values)
    assert fmean(values) == pytest.approx(mean, abs=5 * error)
    assert pstdev(values) ** 2 == pytest.approx(mean, rel=0.15, abs=0.01)


@pytest.mark.parametrize("mean", [0.5, 3.0, 20.0])
def test_poisson_counts_follow_the_distribution_function(mean: float) -> None:
    poisson = Poisson(mean)
    below = 0.0
    for count in range(60):
        below += math.exp(-mean) * mean**count / math.factorial(count)
        if below > 1 - 1e-9:
            break
        assert poisson.at(below * (1 - 1e-9)) == count
        assert poisson.at(min(below * (1 + 1e-9), 1 - 1e-16)) == count + 1


@pytest.mark.parametrize("mean", [1e-9, 0.5, 3, 9_999.5, 10_000])
def test_poisson_counts_exist_at_both_ends(mean: float) -> None:
    assert Poisson(mean).at(0.0) >= 0
    assert Poisson(mean).at(1 - 2**-53) < mean + 20 * math.sqrt(mean) + 20


def test_bernoulli_keeps_its_probability_and_its_ends() -> None:
    assert set(drawn("bernoulli", 200, p=0)) == {False}
    assert set(drawn("bernoulli", 200, p=1)) == {True}
    assert sum(drawn("bernoulli", 5000, p=0.2)) == pytest.approx(1000, abs=120)


def test_categories_keep_their_weights_and_types() -> None:
    counts = Counter(map(repr, drawn("category", 6000, values=["a", 1, True], weights=[1, 2, 3])))

    assert counts["'a'"] == pytest.approx(1000, abs=130)
    assert counts["1"] == pytest.approx(2000, abs=170)
    assert counts["True"] == pytest.approx(3000, abs=190)


def test_categories_without_weights_are_equal() -> None:
    assert all(
        count == pytest.approx(1000, abs=130) for count in Counter(drawn("category", 3000, values=[1, 2, 3])).values()
    )


@given(
    SEEDS,
    st.datetimes(datetime(1950, 1, 1), datetime(2050, 1, 1)),  # noqa: DTZ001 - the zone is drawn apart
    st.integers(1, 10**8),
    st.sampled_from(["second", "minute", "hour", "day"]),
    st.sampled_from(["", "Z", "+05:30", "-03:00"]),
)
def test_moments_lie_in_their_range_on_whole_units(
    seed: int, start: datetime, seconds: int, unit: str, zone: str
) -> None:
    end = start + timedelta(seconds=seconds) + timedelta(days=2)
    first, last = start.isoformat() + zone, end.isoformat() + zone

    for text in drawn("datetime", 10, seed, start=first, end=last, unit=unit):
        moment = datetime.fromisoformat(text)
        assert moment.tzinfo is not None
        assert start <= moment.replace(tzinfo=None) < end
        smaller = {"second": "", "minute": "S", "hour": "SM", "day": "SMh"}[unit]
        assert moment.microsecond == 0
        assert "S" not in smaller or moment.second == 0
        assert "M" not in smaller or moment.minute == 0
        assert "h" not in smaller or moment.hour == 0


def test_a_moment_without_zone_is_in_utc() -> None:
    assert all(
        re.fullmatch(r"2024-0[12]-\d\dT00:00:00Z", text)
        for text in drawn("datetime", 100, start="2024-01-01", end="2024-03-01", unit="day")
    )


def test_the_first_and_the_last_day_are_drawn_but_not_the_end() -> None:
    days = set(drawn("datetime", 500, start="2024-01-01", end="2024-01-04", unit="day"))

    assert days == {"2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z", "2024-01-03T00:00:00Z"}


def test_a_timedelta_lies_after_its_moment_by_whole_units() -> None:
    recipe = compiled(
        sampler("a", "datetime", **DAYS, unit="minute"),
        sampler("b", "timedelta", after="a", low=1, high=3, unit="hour"),
    )
    steps = {
        (datetime.fromisoformat(row["b"]) - datetime.fromisoformat(row["a"])).total_seconds() for row in tuples(recipe)
    }

    assert steps == {3600.0, 7200.0, 10800.0}


def test_a_subcategory_belongs_to_its_category() -> None:
    values = {"red": ["rose", "wine"], "blue": ["sky"]}

    rows = tuples(compiled(COLOUR, sampler("s", "subcategory", of="colour", values=values)))

    assert all(row["s"] in values[row["colour"]] for row in rows)
    assert {row["s"] for row in rows} == {"rose", "wine", "sky"}


def test_uuids_are_of_version_4_and_all_differ() -> None:
    values = drawn("uuid", 2000)

    assert len(set(values)) == 2000
    assert all(uuid.UUID(value).version == 4 and uuid.UUID(value).variant == uuid.RFC_4122 for value in values)
    assert all(str(uuid.UUID(value)) == value for value in values)


def test_a_column_draws_the_same_wherever_it_stands() -> None:
    price, tone = sampler("price", "uniform", low=0, high=1), sampler("tone", "category", values=["a", "b"])
    alone = tuples(compiled(price))
    among = tuples(compiled(tone, sampler("n", "poisson", mean=2), price, expression("e", "{{ tone }}")))

    assert [row["price"] for row in alone] == [row["price"] for row in among]


def test_columns_of_one_kind_draw_apart() -> None:
    rows = tuples(compiled(sampler("a", "uniform", low=0, high=1), sampler("b", "uniform", low=0, high=1)))

    assert all(row["a"] != row["b"] for row in rows)


def test_another_seed_draws_other_values() -> None:
    column = sampler("a", "uniform", low=0, high=1)

    assert tuples(compiled(column, seed=1)) != tuples(compiled(column, seed=2))


def test_every_value_fits_the_records_schema() -> None:
    recipe = compiled(
        COLOUR,
        sampler("s", "subcategory", of="colour", values={"red": [1], "blue": ["b"]}),
        sampler("u", "uniform", low=0.5, high=2.25),
        sampler("w", "uniform", low=0, high=9, decimals=0),
        sampler("g", "gaussian", mean=0, stddev=3, low=-1, high=1, decimals=2),
        sampler("n", "poisson", mean=3),
        sampler("y", "bernoulli", p=0.5),
        sampler("d", "datetime", start="2024-01-01T00:00:00+02:00", end="2024-02-01T00:00:00+02:00"),
        sampler("t", "timedelta", after="d", low=0, high=5),
        sampler("i", "uuid"),
        sampler("p", "person", locale="pl_PL"),
        expression("e", "{{ w * 2 }}", type="integer"),
    )
    validator = jsonschema_rs.Draft202012Validator(recipe.record_schema, validate_formats=True)

    for row in tuples(recipe):
        validator.validate(dict(row))


def test_zones_are_kept() -> None:
    moment = drawn("datetime", 1, start="2024-01-01T00:00:00+02:00", end="2024-02-01T00:00:00+02:00")[0]

    assert moment.endswith("+02:00")
    assert datetime.fromisoformat(moment).astimezone(UTC)
