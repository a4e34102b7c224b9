"""Whatever is given: a compiled recipe or a list of faults, never another error."""

import copy
import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from synthmill.recipes import RecipeInvalid, compile_recipe, load_recipe
from tests.support.recipes import COLOUR, data, expression, llm, sampler, source

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
WHOLE = data(
    source("sku"),
    COLOUR,
    sampler("shade", "subcategory", of="colour", values={"red": ["a"], "blue": ["b"]}),
    sampler("d", "datetime", start="2024-01-01", end="2024-02-01"),
    sampler("t", "timedelta", after="d", low=1, high=2),
    sampler("p", "person"),
    expression("e", "{{ sku }} {{ p.name }}"),
    llm("text", "{{ e }}", schema={"type": "object", "properties": {"a": {"type": "string"}}}),
    expression("late", "{{ text.a }}"),
    input={"fields": {"sku": {"pattern": "^a"}}},
    unique=["text"],
)


def refusal(compile_: Callable[[], object]) -> RecipeInvalid | None:
    """How the recipe was refused; None if it compiled. Any other error is the test's failure."""
    try:
        compile_()
    except RecipeInvalid as error:
        return error
    return None


def assert_in_words(error: RecipeInvalid | None) -> None:
    if error is not None:
        assert error.faults
        assert all(fault.message and fault.hint for fault in error.faults)
        assert str(error)


@given(VALUES)
def test_any_data_compiles_or_is_refused_in_words(whole: object) -> None:
    assert_in_words(refusal(lambda: compile_recipe(whole)))


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in items for place in ((*path, key), *places(item, (*path, key)))]


@settings(max_examples=200)
@given(st.sampled_from(places(WHOLE)), VALUES, st.sampled_from(["replace", "remove", "add"]))
def test_a_recipe_with_any_part_changed_compiles_or_is_refused_in_words(
    place: tuple[Any, ...], value: object, how: str
) -> None:
    whole: Any = copy.deepcopy(WHOLE)
    holder = whole
    for part in place[:-1]:
        holder = holder[part]
    if how == "remove":
        del holder[place[-1]]
    elif how == "add" and isinstance(holder[place[-1]], dict):
        holder[place[-1]]["extra"] = value
    else:
        holder[place[-1]] = value
    assert_in_words(refusal(lambda: compile_recipe(whole)))


@given(st.text(max_size=80) | st.binary(max_size=80))
def test_any_file_loads_or_is_refused_in_words(tmp_path_factory: pytest.TempPathFactory, content: str | bytes) -> None:
    for name in ("a.yaml", "a.json"):
        path = Path(tmp_path_factory.getbasetemp()) / name
        path.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
        assert_in_words(refusal(partial(load_recipe, path)))


@given(st.randoms(use_true_random=False))
def test_yaml_with_lines_cut_and_swapped_loads_or_is_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, chance: random.Random
) -> None:
    lines = yaml.safe_dump(WHOLE, sort_keys=False).splitlines()
    for _ in range(chance.randrange(1, 5)):
        a, b = chance.randrange(len(lines)), chance.randrange(len(lines))
        lines[a], lines[b] = lines[b][chance.randrange(3) :], lines[a]
    path = Path(tmp_path_factory.getbasetemp()) / "cut.yaml"
    path.write_text("\n".join(lines))
    assert_in_words(refusal(lambda: load_recipe(path)))


def test_the_starting_point_of_these_tests_compiles() -> None:
    compile_recipe(json.loads(json.dumps(WHOLE)))
