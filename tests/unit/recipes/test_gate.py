"""Faults of the gate section: a table of expectation, place and words."""

import pytest

from synthmill.recipes import compile_recipe
from tests.support.recipes import COLOUR, Data, compiled, data, faults, llm, sampler

TICKET = llm(
    "ticket",
    schema={
        "type": "object",
        "properties": {"subject": {"type": "string"}, "hours": {"type": "number"}, "tags": {"enum": ["a", "b"]}},
    },
)
NUMBER = sampler("number", "uniform", low=0, high=1)
HIDDEN = sampler("hidden", "bernoulli", p=0.5) | {"drop": True}


def gated(*expectations: object, **settings: object) -> Data:
    """A recipe with these expectations."""
    return data(COLOUR, NUMBER, HIDDEN, TICKET, gate={"expectations": list(expectations), **settings})


CASES: list[tuple[str, Data, str, str, str]] = [
    ("no such kind", {"expect": "rang", "column": "number"}, ".expect", "there is no expect 'rang'", "'range'"),
    ("no kind", {"column": "number"}, ".expect", "'expect' is missing", "One of: range"),
    ("no column", {"expect": "range", "minimum": 1}, ".column", "'column' is missing", "Add it"),
    ("no such key", {"expect": "present", "column": "number", "most": 1}, ".most", "no key 'most'", "'mostly'"),
    ("unknown column", {"expect": "present", "column": "colur"}, ".column", "there is no column 'colur'", "'colour'"),
    ("dropped", {"expect": "present", "column": "hidden"}, ".column", "'hidden' is dropped", "Keep it"),
    ("unknown property", {"expect": "present", "column": "ticket.subjct"}, ".column", "no plain part", "subject"),
    ("an object", {"expect": "present", "column": "ticket"}, ".column", "no plain part", "ticket."),
    ("a property of text", {"expect": "present", "column": "colour.x"}, ".column", "no plain part", "itself"),
    ("range of text", {"expect": "range", "column": "colour", "minimum": 1}, ".column", "holds string", "something"),
    ("range of nothing", {"expect": "range", "column": "number"}, "", "it limits nothing", "Set minimum"),
    (
        "upside down",
        {"expect": "range", "column": "number", "minimum": 2, "maximum": 1},
        ".minimum",
        "above maximum",
        "Swap",
    ),
    ("length of a number", {"expect": "length", "column": "number", "maximum": 3}, ".column", "not text or", "another"),
    ("no regex", {"expect": "pattern", "column": "colour", "pattern": "("}, ".pattern", "not a regular", "Mend it"),
    ("look-around", {"expect": "pattern", "column": "colour", "pattern": "(?=x)"}, ".pattern", "look-around", "Say"),
    ("other type", {"expect": "values", "column": "number", "values": ["a"]}, ".values[0]", "'a' is not of", "Remove"),
    ("mean of text", {"expect": "mean", "column": "colour", "minimum": 1}, ".column", "not numbers", "another"),
    (
        "too much",
        {"expect": "shares", "column": "colour", "shares": {"red": 0.8, "blue": 0.3}},
        ".shares",
        "add up to 1.1",
        "to 1",
    ),
    ("after nothing", {"expect": "order", "column": "number", "after": "x"}, ".after", "no column 'x'", "number"),
    ("unique of nothing", {"expect": "unique", "columns": ["number", "x"]}, ".columns[1]", "no column 'x'", "number"),
    ("share of all", {"expect": "present", "column": "number", "mostly": 0}, ".mostly", "too small", "above 0"),
    ("severity", {"expect": "present", "column": "number", "severity": "fatal"}, ".severity", "not allowed", "block"),
]


@pytest.mark.parametrize(
    ("expectation", "place", "message", "hint"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_a_fault_of_an_expectation_says_where_what_and_how_to_mend_it(
    expectation: object, place: str, message: str, hint: str
) -> None:
    (fault,) = faults(gated(expectation))
    assert fault.path == f"gate.expectations[0]{place}"
    assert message in fault.message
    assert hint in fault.hint


def test_two_expectations_have_no_name_in_common() -> None:
    named = {"expect": "present", "column": "number", "name": "there"}
    assert [fault.path for fault in faults(gated(named, named))] == ["gate.expectations[1].name"]


def test_an_unknown_key_of_the_section_is_told_by_its_place() -> None:
    (fault,) = faults(gated(min_shares=0.5))
    assert fault.path == "gate.min_shares"
    assert "min_share" in fault.hint


def test_a_column_with_a_fault_of_its_own_is_not_complained_of_twice() -> None:
    broken = llm("text", schema={"type": "object"})
    recipe = data(broken, gate={"expectations": [{"expect": "present", "column": "text.x"}]})
    assert [fault.path for fault in faults(recipe)] == ["columns[0].schema"]


def test_the_gate_is_no_part_of_the_recipes_hash() -> None:
    plain = compiled(COLOUR, TICKET)
    section = {"expectations": [{"expect": "present", "column": "colour"}]}
    assert compiled(COLOUR, TICKET, gate=section).recipe_hash == plain.recipe_hash


def test_an_empty_section_is_a_declaration() -> None:
    assert compile_recipe(data(COLOUR, TICKET, gate={})).recipe.gate is not None
    assert compile_recipe(data(COLOUR, TICKET)).recipe.gate is None
