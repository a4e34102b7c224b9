"""Whatever JSON Schema is asked for, the offline model's answer fits it."""

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synthmill_gateway.offline import OfflineError
from tests.support.offline import TICKET, batch, value

Schema = dict[str, Any]

NAMES = st.sampled_from(
    ["name", "email", "title", "question", "body", "city", "age", "price", "createdAt", "x", "index"]
)
BOUND = st.integers(-1_000, 1_000)


@st.composite
def strings(draw: st.DrawFn) -> Schema:
    shortest = draw(st.integers(0, 60))
    plain = {"type": "string", "minLength": shortest, "maxLength": shortest + draw(st.integers(0, 200))}
    formats = ["date", "date-time", "time", "email", "uuid", "uri", "ipv4", "ipv6", "hostname", "duration"]
    patterns = ["^[A-Z]{2}-[0-9]{4}$", r"^\d{3}(-\d{2})?$", "^(red|green|blue)$", "[^a-z]{3,5}", r"^\w+@\w+\.com$"]
    return draw(
        st.sampled_from([plain, {"type": "string"}])
        | st.sampled_from([{"type": "string", "format": name} for name in formats])
        | st.sampled_from([{"type": "string", "pattern": pattern} for pattern in patterns])
    )


@st.composite
def numbers(draw: st.DrawFn) -> Schema:
    low, width = draw(BOUND), draw(st.integers(2, 500))
    kind = draw(st.sampled_from(["integer", "number"]))
    bounds = [
        {},
        {"minimum": low},
        {"maximum": low},
        {"minimum": low, "maximum": low + width},
        {"exclusiveMinimum": low, "exclusiveMaximum": low + width},
        {"minimum": 0, "maximum": 100, "multipleOf": draw(st.sampled_from([5, 10, 25]))},
    ]
    if kind == "number":
        bounds += [{"minimum": 0, "maximum": 1}, {"multipleOf": 0.5}, {"minimum": 0.125, "maximum": 0.126}]
    return {"type": kind, **draw(st.sampled_from(bounds))}


LEAVES = (
    strings()
    | numbers()
    | st.just({"type": "boolean"})
    | st.just({"type": "null"})
    | st.just({"const": {"a": [1, None]}})
    | st.lists(st.integers() | st.text(min_size=1), min_size=1, max_size=5, unique_by=str).map(lambda v: {"enum": v})
    | strings().map(lambda node: {**node, "type": ["string", "null"]})
)


@st.composite
def arrays(draw: st.DrawFn, items: st.SearchStrategy[Schema]) -> Schema:
    fewest = draw(st.integers(0, 3))
    return {"type": "array", "items": draw(items), "minItems": fewest, "maxItems": fewest + draw(st.integers(0, 3))}


@st.composite
def objects(draw: st.DrawFn, items: st.SearchStrategy[Schema]) -> Schema:
    properties = draw(st.dictionaries(NAMES, items, max_size=4))
    required = [name for name in properties if draw(st.booleans())]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def containers(items: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    either = st.lists(items, min_size=1, max_size=3).map(lambda branches: {"anyOf": branches})
    every = items.map(lambda node: {"allOf": [node, {"description": "a part"}]})
    return arrays(items) | objects(items) | either | every


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(schema=st.recursive(LEAVES, containers, max_leaves=12), seed=st.integers(0, 2**63))
def test_an_answer_fits_its_schema(schema: Schema, seed: int) -> None:
    wrapped = {"type": "object", "properties": {"value": schema}, "required": ["value"], "additionalProperties": False}
    jsonschema_rs.validate(wrapped, value(wrapped, seed=seed), validate_formats=True)


@pytest.mark.parametrize("seed", range(20))
def test_references_and_recursion_end(seed: int) -> None:
    schema = {
        "$defs": {
            "node": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                    "parent": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                },
                "required": ["name", "children", "parent"],
                "additionalProperties": False,
            }
        },
        "$ref": "#/$defs/node",
    }
    jsonschema_rs.validate(schema, value(schema, seed=seed))


@pytest.mark.parametrize("seed", range(20))
def test_all_of_joins_properties_bounds_and_enums(seed: int) -> None:
    schema = {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer", "minimum": 3}}, "required": ["a"]},
            {"properties": {"a": {"maximum": 5}, "b": {"enum": ["x", "y"]}}, "required": ["b"]},
            {"properties": {"b": {"enum": ["y", "z"]}}},
        ]
    }
    made = value(schema, seed=seed)
    assert 3 <= made["a"] <= 5
    assert made["b"] == "y"


def test_one_of_branches_that_overlap_are_drawn_until_only_one_holds() -> None:
    schema = {"oneOf": [{"type": "number"}, {"type": "integer", "maximum": 50}]}
    assert {type(value(schema, seed=seed)) for seed in range(10)} == {float}


def test_unique_items_can_use_up_an_enum() -> None:
    schema = {"type": "array", "uniqueItems": True, "minItems": 5, "items": {"enum": ["a", "b", "c", "d", "e"]}}
    assert sorted(value(schema)) == ["a", "b", "c", "d", "e"]


def test_an_object_of_free_keys_gets_some() -> None:
    made = value({"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 3})
    assert len(made) >= 3
    assert all(isinstance(item, int) for item in made.values())


def test_a_nullable_value_is_sometimes_null_and_mostly_not() -> None:
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]}
    nulls = sum(value(schema, seed=seed)["a"] is None for seed in range(300))
    assert 5 < nulls < 100


def test_items_of_a_batch_are_numbered_from_zero_and_differ() -> None:
    made = value(batch(TICKET, 8))["items"]
    assert [item["index"] for item in made] == list(range(8))
    assert len({item["body"] for item in made}) == 8


def test_an_index_with_an_enum_takes_its_values_in_order() -> None:
    made = value(batch(TICKET, 3, {"type": "integer", "enum": [2, 5, 7]}))["items"]
    assert [item["index"] for item in made] == [2, 5, 7]


def test_an_index_with_a_minimum_starts_there() -> None:
    made = value(batch(TICKET, 3, {"type": "integer", "minimum": 1, "maximum": 3}))["items"]
    assert [item["index"] for item in made] == [1, 2, 3]


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "string", "pattern": "(?P<"}, "pattern"),
        ({"type": "string", "minLength": 5, "maxLength": 3}, "minLength 5"),
        ({"$ref": "#/$defs/missing"}, "missing"),
        ({"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}, "circle"),
        ({"type": "object", "properties": {"a": False}, "required": ["a"]}, "no value"),
        ({"type": "nonsense"}, "not valid"),
        ({"not": {}}, "fits the JSON Schema"),
    ],
)
def test_a_schema_that_cannot_be_answered_is_refused_with_the_reason(schema: Schema, told: str) -> None:
    with pytest.raises(OfflineError, match=told) as refused:
        value(schema)
    assert refused.value.status == 400
