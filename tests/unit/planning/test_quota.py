"""N records divided among weighted values."""

from collections import Counter
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from synthmill.planning.quota import Blocks, allocate
from synthmill.planning.samplers import sample
from tests.support.recipes import compiled, sampler

WEIGHTS = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=30)


@given(WEIGHTS, st.integers(0, 10**9))
def test_counts_add_up_and_are_less_than_one_from_the_exact_share(weights: list[float], records: int) -> None:
    counts = allocate(weights, records)
    total = sum(Fraction(weight) for weight in weights)

    assert sum(counts) == records
    assert all(abs(count - Fraction(w) * records / total) < 1 for count, w in zip(counts, weights, strict=True))


def test_what_is_left_over_goes_to_the_biggest_remainders() -> None:
    assert allocate([1, 1, 1], 10) == [4, 3, 3]
    assert allocate([0.5, 0.3, 0.2], 7) == [4, 2, 1]
    assert allocate([1, 2, 3], 100) == [17, 33, 50]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=10))
def test_blocks_lay_values_out_as_often_as_counted(counts: list[int]) -> None:
    blocks = Blocks(counts)

    assert Counter(blocks.at(position) for position in range(sum(counts))) == Counter(
        {index: count for index, count in enumerate(counts) if count}
    )


@given(st.lists(st.integers(1, 50), min_size=2, max_size=6), st.integers(300, 700), st.integers(0, 99))
def test_an_exact_quota_gives_each_value_its_share_of_n(weights: list[int], records: int, seed: int) -> None:
    values = [f"v{index}" for index in range(len(weights))]
    column = compiled(
        sampler("c", "category", values=values, weights=weights, quota="exact"),
        target={"records": records},
        seed=seed,
    ).tuple_columns[0]
    draw = sample(column, seed, records)  # type: ignore[arg-type]  # the only column is a sampler

    drawn = Counter(draw(slot, {}) for slot in range(records))

    assert [drawn[value] for value in values] == allocate(weights, records)


def test_an_exact_quota_is_not_laid_out_in_blocks() -> None:
    column = compiled(
        sampler("c", "category", values=["a", "b"], quota="exact"), target={"records": 1000}
    ).tuple_columns[0]
    draw = sample(column, 0, 1000)  # type: ignore[arg-type]  # the only column is a sampler

    first_half = Counter(draw(slot, {}) for slot in range(500))

    assert 200 <= first_half["a"] <= 300
