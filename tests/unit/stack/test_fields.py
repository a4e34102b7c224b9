"""How a record's JSON Schema becomes a mapping."""

from typing import Any

import pytest

from synthmill.recipes.record_schema import PERSON
from synthmill.stack.elastic.fields import MOST, compile_fields, fits, flattened, hash_of
from tests.support.store_documents import RECORD_SCHEMA


def fields_of(**properties: object) -> dict[str, str]:
    """The fields that a record of these properties gets."""
    return flattened(compile_fields({"type": "object", "properties": properties}))


def test_each_column_gets_the_field_of_its_type() -> None:
    assert flattened(compile_fields(RECORD_SCHEMA)) == {
        "subject": "keyword",
        "body": "keyword",
        "priority": "keyword",
        "score": "long",
        "weight": "double",
        "urgent": "boolean",
        "tags": "keyword",
        "customer": "object",
        "customer.city": "keyword",
        "lines": "object",
        "lines.n": "long",
        "lines.sku": "keyword",
    }


TYPES: list[tuple[dict[str, Any], str]] = [
    ({"type": ["integer", "null"]}, "long"),
    ({"type": ["integer", "number"]}, "double"),
    ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "long"),
    ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "keyword"),
    ({"type": ["boolean", "string"]}, "keyword"),
    ({"enum": ["low", "high", None]}, "keyword"),
    ({"enum": [1, 2]}, "long"),
    ({"const": 1.5}, "double"),
    ({"type": "array", "items": {"type": "integer"}}, "long"),
    ({"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "object"}]}}, "kept"),
    ({"type": "array"}, "kept"),
    ({}, "kept"),
    ({"type": "object"}, "flattened"),
    ({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": True}, "flattened"),
    ({"type": "object", "properties": {"a.b": {"type": "string"}}}, "flattened"),
    ({"type": "null"}, "kept"),
]


@pytest.mark.parametrize(("declaration", "expected"), TYPES, ids=[str(declaration) for declaration, _ in TYPES])
def test_a_declaration_gets_the_field_that_takes_all_it_allows(declaration: dict[str, Any], expected: str) -> None:
    assert fields_of(x=declaration) == {"x": expected}


def test_a_person_is_searched_by_each_of_its_fields() -> None:
    assert {"who.city", "who.name"} <= set(fields_of(who=PERSON))


def test_a_schema_with_too_many_fields_is_mapped_less_deep() -> None:
    wide = {"type": "object", "properties": {f"f{number}": {"type": "string"} for number in range(MOST)}}
    assert fields_of(wide=wide, flat={"type": "string"}) == {"wide": "flattened", "flat": "keyword"}


def test_an_index_takes_further_fields_and_no_other_types() -> None:
    there = {"a": "long"}
    assert fits(there, {"a": "long", "b": "keyword"})
    assert not fits(there, {"a": "double"})
    assert not fits({"a": "keyword"}, {"a": "object", "a.b": "long"})


def test_equal_mappings_have_one_name_and_others_another() -> None:
    one, other = (compile_fields({"properties": {"a": {"type": type_}}}) for type_ in ("string", "integer"))
    assert hash_of(one) == hash_of(dict(reversed(list(one.items()))))
    assert hash_of(one) != hash_of(other)
