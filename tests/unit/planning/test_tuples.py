"""The attribute tuple of a slot."""

import pytest

from synthmill.planning.tuples import Attributes, TupleFailed, attributes
from tests.support.recipes import COLOUR, TEXT, Data, compiled, expression, sampler, source

FIELDS: Data = {
    "sku": {},
    "price": {"type": "number"},
    "stock": {"type": "integer"},
    "new": {"type": "boolean"},
    "more": {"type": "json"},
    "note": {"required": False},
}
ROW: Attributes = {"sku": "K-1", "price": 24.5, "stock": 3, "new": True, "more": {"a": [1]}, "note": None}


def test_source_values_are_taken_as_they_are_typed() -> None:
    recipe = compiled(*(source(name) for name in FIELDS), input={"fields": FIELDS})

    assert attributes(recipe, 0, 1, ROW) == ROW


def test_values_stand_in_the_order_they_are_made() -> None:
    recipe = compiled(expression("b", "{{ colour }}!"), COLOUR, source("sku"), TEXT)

    assert list(attributes(recipe, 0, 10, ROW)) == [column.name for column in recipe.tuple_columns]
    assert list(attributes(recipe, 0, 10, ROW)) == ["colour", "b", "sku"]


def test_a_text_column_writes_other_values_as_json() -> None:
    recipe = compiled(source("a"), source("b"), source("c"))

    assert attributes(recipe, 0, 1, {"a": 5, "b": {"x": [True, None]}, "c": "t"}) == {
        "a": "5",
        "b": '{"x":[true,null]}',
        "c": "t",
    }


def test_a_whole_number_is_a_number() -> None:
    assert attributes(compiled(source("price"), input={"fields": FIELDS}), 0, 1, {"price": 3}) == {"price": 3}


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        ("sku", {}, "column 'sku': the seed has no field 'sku'"),
        ("sku", {"sku": None}, "the seed has no field 'sku'"),
        ("stock", {"stock": 1.5}, "holds 1.5, not integer"),
        ("stock", {"stock": True}, "holds True, not integer"),
        ("price", {"price": "5"}, "holds '5', not number"),
        ("new", {"new": 1}, "holds 1, not boolean"),
    ],
)
def test_a_field_that_is_absent_or_of_another_type_is_told(name: str, row: dict[str, object], reason: str) -> None:
    recipe = compiled(source(name), input={"fields": FIELDS})

    with pytest.raises(TupleFailed, match=reason):
        attributes(recipe, 0, 1, row)  # type: ignore[arg-type]  # tests give what JSON gives


def test_an_optional_field_may_be_absent() -> None:
    assert attributes(compiled(source("note"), input={"fields": FIELDS}), 0, 1, {}) == {"note": None}


def test_an_expression_is_read_as_its_type() -> None:
    recipe = compiled(
        source("stock"),
        expression("double", "{{ stock * 2 }}", type="integer"),
        expression("half", "{{ double / 4 }}", type="number"),
        expression("many", "{{ double > 5 }}", type="boolean"),
        expression("all", '{"d": {{ double }}, "h": {{ half }}}', type="json"),
        input={"fields": FIELDS},
    )

    assert attributes(recipe, 0, 1, ROW) == {
        "stock": 3,
        "double": 6,
        "half": 1.5,
        "many": True,
        "all": {"d": 6, "h": 1.5},
    }


@pytest.mark.parametrize(
    ("template", "type_", "reason"),
    [
        ("{{ sku }}", "integer", "column 'e': 'K-1' is not an integer"),
        ("{{ more.b.c }}", "string", "undefined"),
        ("{{ 1 // (stock - 3) }}", "integer", "unable to calculate"),
        ("{{ stock / 1 }}", "integer", r"'3.0' is not an integer of 64 bits, \|int makes it one"),
    ],
)
def test_an_expression_that_fails_on_a_row_is_told(template: str, type_: str, reason: str) -> None:
    recipe = compiled(
        *(source(name) for name in FIELDS), expression("e", template, type=type_), input={"fields": FIELDS}
    )

    with pytest.raises(TupleFailed, match=reason):
        attributes(recipe, 0, 1, ROW)


def test_a_subcategory_of_a_field_takes_the_list_of_its_value() -> None:
    recipe = compiled(
        source("size"),
        sampler("s", "subcategory", of="size", values={"1": ["a"], "2": ["b"]}),
        input={"fields": {"size": {"type": "integer", "values": [1, 2]}}},
    )

    assert attributes(recipe, 0, 1, {"size": 2}) == {"size": 2, "s": "b"}
    with pytest.raises(TupleFailed, match="no values for size = '3'"):
        attributes(recipe, 0, 1, {"size": 3})
