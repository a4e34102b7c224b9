"""How seeds meet slots, and what N is."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthmill.errors import InputUnusable, UserError
from synthmill.planning.seeds import SeedSpace, resolve_records
from synthmill.recipes import RecipeInvalid
from synthmill_schemas.recipe import SeedPlan
from tests.support.recipes import TEXT, compiled, sampler, source

SETS = [("a", 3), ("empty", 0), ("b", 2)]
ALL = [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1)]


def space(sets: list[tuple[str, int]] = SETS, seed: int = 0, **plan: object) -> SeedSpace:
    return SeedSpace(sets, SeedPlan.model_validate(plan), seed)


def addresses(seeds: SeedSpace, count: int) -> list[tuple[str, int]]:
    return [seeds.address(slot) for slot in range(count)]


def test_ordered_seeds_come_set_by_set_and_begin_anew() -> None:
    assert addresses(space(), 7) == [*ALL, *ALL[:2]]


def test_each_seed_serves_its_number_of_records_in_a_row() -> None:
    assert addresses(space(records_per_seed=2), 5) == [ALL[0], ALL[0], ALL[1], ALL[1], ALL[2]]


def test_capacity_counts_every_seed_as_often_as_it_serves() -> None:
    assert (space(records_per_seed=3).total, space(records_per_seed=3).capacity()) == (5, 15)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=5), st.integers(0, 2**53 - 1), st.integers(1, 3))
def test_shuffled_seeds_serve_equally_often_in_every_turn(counts: list[int], seed: int, per_seed: int) -> None:
    sets = [(f"s{index}", count) for index, count in enumerate(counts)]
    total = sum(counts)
    if not total:
        return
    seeds = space(sets, seed, order="shuffled", records_per_seed=per_seed)

    for turn in range(2):
        first = turn * total * per_seed
        used = Counter(seeds.address(slot) for slot in range(first, first + total * per_seed))
        assert set(used.values()) == {per_seed}
        assert len(used) == total


def test_every_turn_and_every_recipe_seed_has_its_own_order() -> None:
    sets = [("a", 50)]
    seeds = space(sets, 1, order="shuffled")
    first, second = addresses(seeds, 50), [seeds.address(slot) for slot in range(50, 100)]

    assert first != second
    assert first != addresses(space(sets, 2, order="shuffled"), 50)
    assert first == addresses(seeds, 50)


def test_without_seeds_no_slot_has_an_address() -> None:
    with pytest.raises(InputUnusable):
        space([]).address(0)


def test_n_is_the_recipes_if_it_says_one() -> None:
    assert resolve_records(compiled(source("a"), TEXT), space()) == 10


def test_n_is_what_the_seeds_give_if_the_recipe_does_not_say() -> None:
    recipe = compiled(source("a"), TEXT, target=None, seeds={"records_per_seed": 4})

    assert resolve_records(recipe, space(records_per_seed=4)) == 20


def test_a_recipe_without_input_needs_no_seeds() -> None:
    assert resolve_records(compiled(TEXT), space([])) == 10


def test_an_input_without_usable_rows_is_refused() -> None:
    with pytest.raises(InputUnusable, match="no usable row"):
        resolve_records(compiled(source("a"), TEXT), space([("a", 0)]))


def test_seeds_used_once_must_suffice() -> None:
    recipe = compiled(source("a"), TEXT, seeds={"reuse": "once"})

    with pytest.raises(InputUnusable, match="10 records need more than the 5 seeds give"):
        resolve_records(recipe, space(reuse="once"))
    assert resolve_records(recipe, space([("a", 10)], reuse="once")) == 10


def test_limits_unknown_to_the_compiler_are_checked_when_n_is_known() -> None:
    too_few = compiled(source("a"), TEXT, target={"max_candidates": 4})
    exact = compiled(source("a"), sampler("c", "category", values=list(range(6)), quota="exact"), TEXT, target=None)

    with pytest.raises(UserError, match="max_candidates, 4, is below the 5 records"):
        resolve_records(too_few, space())
    with pytest.raises(RecipeInvalid, match="5 records cannot hold 6 values"):
        resolve_records(exact, space())


def test_more_records_than_a_job_holds_are_refused() -> None:
    recipe = compiled(source("a"), TEXT, target=None, seeds={"records_per_seed": 100_000})

    with pytest.raises(UserError, match="more than a job can hold"):
        resolve_records(recipe, space([("a", 2_000)], records_per_seed=100_000))
