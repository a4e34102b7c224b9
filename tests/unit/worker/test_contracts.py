"""What a recipe demands of columns, row by row."""

import subprocess
import sys
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from synthmill.errors import InputUnusable
from synthmill.inputs.extract.rows import BadRow, Row
from synthmill.seeding.coercion import Unfit, coerce
from synthmill.seeding.contracts import RowContract, require_columns
from synthmill_schemas.recipe import FieldContract, ValueType


def rows(*data: Mapping[str, object]) -> list[Row]:
    """Rows as a reader yields them; the header is line 1."""
    return [Row(number, dict(values), 1, number + 1) for number, values in enumerate(data, start=1)]


def reasons(contract: RowContract, *data: Mapping[str, object]) -> list[str | None]:
    """For each row why it is bad; None: it is good."""
    return [row.reason if isinstance(row, BadRow) else None for row in contract.check(rows(*data))]


def one(contract: FieldContract, *, is_text: bool = False) -> RowContract:
    """A contract on one column, `value`."""
    return RowContract({"value": contract}, is_text=is_text)


@pytest.mark.parametrize(
    ("value", "type_", "wanted"),
    [
        ("12", "integer", 12),
        (" -3 ", "integer", -3),
        ("12.0", "integer", 12),
        (12.0, "integer", 12),
        ("1.5", "number", 1.5),
        ("7", "number", 7),
        ("1e3", "number", 1000.0),
        (".5", "number", 0.5),
        ("Yes", "boolean", True),
        ("0", "boolean", False),
        (1, "boolean", True),
        ('{"a": [1]}', "json", {"a": [1]}),
        (5, "string", "5"),
        ([1, "é"], "string", '[1,"é"]'),
        ("007", "string", "007"),
    ],
)
def test_a_value_is_read_as_the_declared_type(value: object, type_: str, wanted: object) -> None:
    read = coerce(value, ValueType(type_), is_text=True)
    assert (read, type(read)) == (wanted, type(wanted))


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ("12.5", "integer"),
        ("1_000", "integer"),
        ("٣", "integer"),
        (True, "integer"),
        ("9" * 20, "integer"),
        ("1,5", "number"),
        ("nan", "number"),
        ("inf", "number"),
        ("1e999", "number"),
        (True, "number"),
        ("0x10", "number"),
        ("maybe", "boolean"),
        (2, "boolean"),
        ("{", "json"),
        ("NaN", "json"),
    ],
)
def test_a_value_that_is_not_plainly_of_the_type_is_refused(value: object, type_: str) -> None:
    with pytest.raises(Unfit):
        coerce(value, ValueType(type_), is_text=True)


@given(
    value=st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()),
    type_=st.sampled_from(ValueType),
    is_text=st.booleans(),
)
@example(value="9" * 5_000, type_=ValueType.INTEGER, is_text=True)
@example(value="[" * 50_000, type_=ValueType.JSON, is_text=True)
@example(value="1" + "0" * 5_000, type_=ValueType.NUMBER, is_text=True)
def test_any_value_is_either_read_or_unfit(value: object, type_: ValueType, is_text: bool) -> None:
    try:
        read = coerce(value, type_, is_text=is_text)
    except Unfit:
        return
    assert type_ is ValueType.JSON or isinstance(read, str | int | float)


def test_each_broken_rule_is_told_with_field_and_value() -> None:
    contract = RowContract(
        {
            "price": FieldContract(type=ValueType.NUMBER, minimum=0, maximum=100),
            "class": FieldContract(values=["new", "used"]),
            "sku": FieldContract(pattern="^[A-Z]{2}-"),
            "stock": FieldContract(type=ValueType.INTEGER),
        },
        is_text=True,
    )
    good = {"price": "5", "class": "new", "sku": "AB-1", "stock": "3"}
    assert reasons(
        contract,
        good,
        {**good, "price": "-1"},
        {**good, "price": "100.5"},
        {**good, "class": "old"},
        {**good, "sku": "ab-1"},
        {**good, "stock": "many"},
        {**good, "stock": ""},
        {**good, "price": "x", "class": "old"},
    ) == [
        None,
        "price: '-1' is below minimum 0",
        "price: '100.5' is above maximum 100",
        "class: 'old' is none of new, used",
        "sku: 'ab-1' does not match ^[A-Z]{2}-",
        "stock: 'many' is not an integer",
        "stock is missing",
        "price: 'x' is not a number; class: 'old' is none of new, used",
    ]


def test_a_good_row_gets_typed_values_and_keeps_the_undeclared_ones() -> None:
    contract = RowContract(
        {"n": FieldContract(type=ValueType.INTEGER), "m": FieldContract(type=ValueType.JSON, required=False)},
        is_text=True,
    )
    (row,) = contract.check(rows({"n": "5", "m": "", "other": "7"}))
    assert isinstance(row, Row)
    assert row.data == {"n": 5, "m": None, "other": "7"}
    assert (row.number, row.line) == (1, 2)


@pytest.mark.parametrize("type_", list(ValueType))
def test_only_an_optional_value_may_be_missing(type_: ValueType) -> None:
    missing: list[dict[str, object]] = [{"value": None}, {}]
    assert reasons(one(FieldContract(type=type_)), *missing) == ["value is missing"] * 2
    assert reasons(one(FieldContract(type=type_, required=False)), *missing) == [None, None]


def test_an_empty_cell_is_missing_in_a_text_table_but_an_empty_json_string_is_a_value() -> None:
    assert reasons(one(FieldContract(), is_text=True), {"value": ""}) == ["value is missing"]
    assert reasons(one(FieldContract()), {"value": ""}) == [None]


def test_values_of_json_and_numbers_are_compared_by_what_they_mean() -> None:
    json_values = one(FieldContract(type=ValueType.JSON, values=["a", 1]))
    assert reasons(json_values, {"value": "a"}, {"value": 1}, {"value": [1]}) == [
        None,
        None,
        "value: [1] is none of a, 1",
    ]
    assert reasons(one(FieldContract(type=ValueType.NUMBER, values=[1, 2.5])), {"value": 1.0}, {"value": 2}) == [
        None,
        "value: 2 is none of 1, 2.5",
    ]


def test_a_needed_column_without_a_contract_must_hold_something() -> None:
    contract = RowContract({}, needed=["title"])
    assert reasons(contract, {"title": 5}, {"title": None}, {"name": "x"}, {"title": ""}) == [
        None,
        "title is missing",
        "title is missing",
        None,
    ]


def test_a_shown_value_is_short() -> None:
    (reason,) = reasons(one(FieldContract(type=ValueType.INTEGER)), {"value": "x" * 10_000})
    assert reason is not None
    assert len(reason) < 150


def test_a_pattern_that_could_take_for_ever_is_refused_at_once() -> None:
    with pytest.raises(InputUnusable, match="look-around"):
        one(FieldContract(pattern="(?=a)a")).check(rows({"value": "a"}))


def test_a_missing_column_is_told_with_what_there_is_and_what_was_meant() -> None:
    require_columns(["title"], ["sku", "title"])
    with pytest.raises(InputUnusable) as refused:
        require_columns(["titel", "price"], ["sku", "Title"])
    assert str(refused.value) == "no column 'titel' (did you mean 'Title'?), 'price'; there are: sku, Title"


def test_without_declared_fields_pandera_is_not_even_imported() -> None:
    program = (
        "import sys\nfrom synthmill.seeding.contracts import RowContract\n"
        "from synthmill.inputs.extract.rows import Row\n"
        "RowContract({}, ['a']).check([Row(1, {'a': 1}, 1)])\n"
        "sys.exit(any(name in sys.modules for name in ('pandera', 'polars', 'pyarrow')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
