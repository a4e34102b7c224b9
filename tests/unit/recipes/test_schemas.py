"""JSON Schemas of llm columns: what models can be held to, made to stand anywhere."""

from typing import Any

import jsonschema_rs
import pytest

from tests.support.recipes import compiled, data, faults, llm

Schema = dict[str, Any]


def schema_of(schema: Schema) -> Schema:
    column = compiled(llm("a", schema=schema)).generated[0]
    return column.json_schema  # type: ignore[union-attr]  # the only column is an llm column


def test_local_references_are_written_out() -> None:
    schema = {
        "type": "object",
        "properties": {
            "first": {"$ref": "#/$defs/point"},
            "rest": {"type": "array", "items": {"$ref": "#/$defs/point"}},
        },
        "$defs": {
            "point": {"type": "object", "properties": {"x": {"$ref": "#/$defs/number"}}},
            "number": {"type": "number"},
        },
    }
    point = {
        "type": "object",
        "properties": {"x": {"type": "number"}},
        "required": ["x"],
        "additionalProperties": False,
    }

    assert schema_of(schema) == {
        "type": "object",
        "properties": {"first": point, "rest": {"type": "array", "items": point}},
        "required": ["first", "rest"],
        "additionalProperties": False,
    }


def test_a_description_beside_a_reference_is_kept() -> None:
    schema = {"$ref": "#/$defs/a", "description": "mine", "$defs": {"a": {"type": "string", "description": "its"}}}

    assert schema_of(schema) == {"type": "string", "description": "mine"}


def test_a_schema_without_reference_keeps_its_bounds() -> None:
    schema = {"type": "string", "minLength": 3, "maxLength": 9, "pattern": "^a", "enum": ["abc", "abd"]}

    assert schema_of(schema) == schema


def test_properties_named_like_keywords_are_properties() -> None:
    properties = {"$defs": {"type": "string"}, "not": {"type": "integer"}, "definitions": {"type": "string"}}

    assert set(schema_of({"type": "object", "properties": properties})["properties"]) == set(properties)


def test_enum_and_default_are_data_not_schemas() -> None:
    schema = {"type": "object", "properties": {"a": {"enum": [{"$ref": "#/x"}, None], "default": {"not": 1}}}}

    assert schema_of(schema)["properties"]["a"] == {"enum": [{"$ref": "#/x"}, None], "default": {"not": 1}}


@pytest.mark.parametrize(
    ("schema", "below", "message"),
    [
        ({}, "", "no type is given"),
        ({"type": "strin"}, ".type", "there is no such type"),
        ({"type": "string", "minLength": -1}, ".minLength", "not a JSON Schema"),
        ({"type": "string", "pattern": "("}, "", "cannot be used"),
        ({"$ref": "https://example.com/a.json"}, "", "leaves the schema"),
        ({"$ref": "other.json#/a"}, "", "leaves the schema"),
        ({"type": "string", "then": {"$ref": "http://127.0.0.1:9/"}}, ".then", "not supported"),
        ({"$ref": "#/$defs/nothing"}, "", "leads nowhere"),
        ({"$ref": "#"}, "", "leads back to itself"),
        (
            {"$ref": "#/$defs/a", "$defs": {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}}}},
            "",
            "back to itself",
        ),
        ({"$ref": "#/$defs/a", "minLength": 1, "$defs": {"a": {"type": "string", "minLength": 2}}}, "", "beside"),
        ({"type": "array"}, "", "an array without items"),
        ({"type": "array", "prefixItems": [{"type": "string"}]}, ".prefixItems", "not supported"),
        ({"type": "object"}, "", "an object without properties"),
        ({"type": ["object", "null"]}, "", "an object without properties"),
        ({"type": "object", "properties": {"a": {}}}, ".properties.a", "no type is given"),
        ({"type": "object", "properties": {"a": True}}, ".properties.a", "must be a map here"),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": True},
            ".additionalProperties",
            "objects must be closed",
        ),
        (
            {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["a"]},
            ".required",
            "'b' is not required",
        ),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "z"]},
            ".required",
            "'z' is required but is no property",
        ),
        ({"oneOf": [{"type": "string"}]}, ".oneOf", "not supported"),
        ({"allOf": [{"type": "string"}]}, ".allOf", "not supported"),
        ({"type": "string", "not": {"const": "a"}}, ".not", "not supported"),
        ({"anyOf": [{"type": "string"}, {}]}, ".anyOf[1]", "no type is given"),
        ({"$id": "https://example.com/a", "type": "string"}, ".$id", "not supported"),
    ],
)
def test_a_schema_that_models_cannot_be_held_to_is_refused(schema: Schema, below: str, message: str) -> None:
    found = faults(data(llm("a", schema=schema)))

    assert [fault.path for fault in found] == [f"columns[0].schema{below}"]
    assert message in found[0].message


def test_a_schema_nested_too_deep_is_refused() -> None:
    schema: Schema = {"type": "string"}
    for _ in range(11):
        schema = {"type": "array", "items": schema}

    assert "nested deeper than 10 levels" in faults(data(llm("a", schema=schema)))[0].message


def test_references_cannot_blow_a_schema_up() -> None:
    definitions: Schema = {"d0": {"type": "string"}}
    for level in range(1, 20):
        ref = {"$ref": f"#/$defs/d{level - 1}"}
        definitions[f"d{level}"] = {"type": "object", "properties": {"a": ref, "b": ref, "c": ref}}
    schema = {"$ref": "#/$defs/d19", "$defs": definitions}

    assert "bigger than" in faults(data(llm("a", schema=schema)))[0].message


def test_the_schema_says_what_the_written_one_says() -> None:
    schema = {
        "type": "object",
        "properties": {
            "label": {"anyOf": [{"$ref": "#/$defs/l"}, {"type": "null"}]},
            "n": {"type": "integer", "minimum": 1},
        },
        "$defs": {"l": {"enum": ["a", "b"]}},
    }
    validator = jsonschema_rs.Draft202012Validator(schema_of(schema))

    assert validator.is_valid({"label": None, "n": 1})
    assert validator.is_valid({"label": "a", "n": 2})
    assert not validator.is_valid({"label": "c", "n": 1})
    assert not validator.is_valid({"label": "a", "n": 0})
    assert not validator.is_valid({"label": "a"})
    assert not validator.is_valid({"label": "a", "n": 1, "more": 1})
