"""Which checks a recipe gives: a table of column, check and parameters. Great Expectations is not imported."""

import subprocess
import sys

import pytest

from synthmill_flows.gate.checks import Check, Suite
from synthmill_flows.gate.layout import Layout
from synthmill_flows.gate.suite import compile_suite, suite_hash
from synthmill_schemas.gate import Severity
from tests.support.gated import COLUMNS, RECORDS, recipe
from tests.support.recipes import Data, compiled, llm, sampler, source

IN_SET = "expect_column_values_to_be_in_set"
BETWEEN = "expect_column_values_to_be_between"
LENGTHS = "expect_column_value_lengths_to_be_between"
NOT_NULL = "expect_column_values_to_not_be_null"
REGEX = "expect_column_values_to_match_regex"
UNIQUE = "expect_column_values_to_be_unique"
ROWS = "unexpected_rows_expectation"


def suite_of(*columns: Data, missing: int = 0, parked: int = 0, **changes: object) -> Suite:
    """The suite of a recipe of ten records."""
    made = compiled(*columns, **changes)
    return compile_suite(made, Layout(made), 10, 10 - missing, parked)


def checks_of(*columns: Data, **changes: object) -> dict[str, Check]:
    """The same, by name."""
    return {check.name: check for check in suite_of(*columns, **changes).checks}


TEXT = llm("text")
NUMBERS = llm("n", schema={"type": "number", "minimum": 1, "exclusiveMaximum": 5})
LISTED = source("s")
INPUT = {"fields": {"s": {"type": "string", "required": False, "pattern": "^x", "values": ["x1", "x2"]}}}

CASES: list[tuple[str, list[Data], Data, str, str, Data]] = [
    ("text", [TEXT], {}, "text.type", IN_SET, {"column": "text__type", "value_set": ["string"]}),
    ("text is there", [TEXT], {}, "text.present", NOT_NULL, {"column": "text"}),
    ("text is not empty", [TEXT], {}, "text.length", LENGTHS, {"column": "text", "min_value": 1}),
    ("numbers", [NUMBERS], {}, "n.type", IN_SET, {"column": "n__type", "value_set": ["integer", "number"]}),
    (
        "bounds",
        [NUMBERS],
        {},
        "n.range",
        BETWEEN,
        {"column": "n", "min_value": 1, "strict_min": False, "max_value": 5, "strict_max": True},
    ),
    (
        "items",
        [llm("l", schema={"type": "array", "items": {"type": "string"}, "maxItems": 3})],
        {},
        "l.length",
        BETWEEN,
        {"column": "l__items", "max_value": 3},
    ),
    (
        "property",
        [llm("o", schema={"type": "object", "properties": {"p": {"enum": ["a", 1]}}})],
        {},
        "o.p.values",
        IN_SET,
        {"column": "o.p", "value_set": ["a", 1]},
    ),
    ("source pattern", [LISTED, TEXT], {"input": INPUT}, "s.pattern", REGEX, {"column": "s", "regex": "^x"}),
    ("uuid", [sampler("u", "uuid"), TEXT], {}, "u.unique", UNIQUE, {"column": "u"}),
    ("unique text", [TEXT], {}, "text.unique", UNIQUE, {"column": "text"}),
    ("unique pair", [TEXT, llm("b")], {}, "unique", UNIQUE, {"column": "_content"}),
]


@pytest.mark.parametrize(
    ("columns", "changes", "name", "type_", "parameters"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_a_column_gives_the_check(columns: list[Data], changes: Data, name: str, type_: str, parameters: Data) -> None:
    check = checks_of(*columns, **changes)[name]
    assert (check.type, check.parameters) == (type_, parameters)
    assert (check.severity, check.origin) == (Severity.BLOCK, "recipe")


@pytest.mark.parametrize("length", [51, 300])
def test_a_long_list_of_values_is_looked_up_in_a_table(length: int) -> None:
    suite = suite_of(sampler("c", "category", values=list(range(length))), TEXT)
    (check,) = [check for check in suite.checks if check.name == "c.values"]
    assert check.type == ROWS
    assert [row.value for row in suite.values] == list(range(length))
    assert f"v.number = {suite.values[0].number} AND" in check.parameters["unexpected_rows_query"]


def test_a_source_that_may_be_empty_may_be_null() -> None:
    names = checks_of(LISTED, TEXT, input=INPUT)
    assert "s.values" in names
    assert "s.present" not in names


def test_the_columns_are_expected_in_the_recipes_order() -> None:
    check = checks_of(TEXT, sampler("u", "uuid"), sampler("d", "uuid") | {"drop": True})["columns"]
    assert check.parameters["column_list"][:3] == ["text", "u", "_record_id"]


def test_all_records_are_expected_and_parked_ones_are_only_warned_of() -> None:
    whole = suite_of(TEXT).checks
    assert [(c.parameters, c.severity) for c in whole if c.name.startswith("rows")] == [({"value": 10}, Severity.BLOCK)]
    short = suite_of(TEXT, missing=2, parked=2).checks
    assert [(c.parameters, c.severity) for c in short if c.name.startswith("rows")] == [
        ({"min_value": 8, "max_value": 10}, Severity.BLOCK),
        ({"value": 10}, Severity.WARN),
    ]


def test_a_share_that_must_be_there_stands_above_what_was_parked() -> None:
    rows = checks_of(TEXT, missing=2, parked=2, gate={"min_share": 0.9})["rows"]
    assert rows.parameters == {"min_value": 9, "max_value": 10}


def test_an_exact_quota_bounds_each_value_and_leaves_room_for_what_is_missing() -> None:
    column = sampler("c", "category", values=["a", True], weights=[3, 1], quota="exact")
    exact = suite_of(column, TEXT).shares
    assert [(row.value, row.low, row.high) for row in exact] == [("a", 8, 8), ("true", 2, 2)]
    short = suite_of(column, TEXT, missing=2, parked=2).shares
    assert [(row.low, row.high) for row in short] == [(6, 8), (0, 2)]


def test_children_of_numbers_are_paired_with_numbers() -> None:
    parent = sampler("p", "category", values=[0, 1])
    child = sampler("c", "subcategory", of="p", values={"0": ["a"], "1": ["b"]})
    assert [(row.first, row.second) for row in suite_of(parent, child, TEXT).pairs] == [(0, "a"), (1, "b")]


def test_names_that_differ_by_case_or_odd_letters_alone_get_columns_of_their_own() -> None:
    odd = llm("o", schema={"type": "object", "properties": {'a"; --': {"type": "string"}, "a b": {"type": "string"}}})
    made = compiled(llm("Text"), TEXT, odd)
    assert [leaf.name for leaf in Layout(made).leaves] == ["Text", "text_2", "o.a_", "o.a_b"]
    assert all('"' not in name for name in Layout(made).columns)


def test_what_the_gate_section_says_is_weighed_and_named_as_it_says() -> None:
    expectations = [
        {"expect": "present", "column": "text", "mostly": 0.9, "severity": "warn", "name": "texts"},
        {"expect": "length", "column": "text", "maximum": 9},
    ]
    checks = checks_of(TEXT, gate={"expectations": expectations})
    declared = checks["texts"]
    assert (declared.type, declared.parameters) == (NOT_NULL, {"column": "text", "mostly": 0.9})
    assert (declared.severity, declared.origin) == (Severity.WARN, "gate")
    assert checks["text.length.2"].parameters == {"column": "text", "max_value": 9}


def test_the_same_recipe_gives_the_same_hash_and_another_expectation_another() -> None:
    made = recipe()
    again = suite_hash(compile_suite(made, Layout(made), RECORDS, RECORDS, 0))
    assert suite_hash(compile_suite(made, Layout(made), RECORDS, RECORDS, 0)) == again
    gated = recipe(gate={"expectations": [{"expect": "present", "column": "age"}]})
    assert suite_hash(compile_suite(gated, Layout(gated), RECORDS, RECORDS, 0)) != again


def test_every_column_of_the_recipe_is_looked_at() -> None:
    made = recipe()
    checks = compile_suite(made, Layout(made), RECORDS, RECORDS, 0).checks
    looked_at = {check.column.split(".")[0] for check in checks if check.column is not None}
    assert looked_at == {column["name"] for column in COLUMNS}


def test_compiling_a_suite_imports_no_heavy_library() -> None:
    program = (
        "import sys\n"
        "import synthmill_flows.gate.run\n"
        "sys.exit(any(name in sys.modules for name in ('great_expectations', 'pandas', 'numpy', 'prefect')))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
