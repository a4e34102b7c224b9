"""The mapping of a dataset's `data`, compiled from the record's JSON Schema.

Strings are exact values and full text, numbers have ranges, objects go down; what may hold anything is either
searched as exact values (objects) or only kept.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from synthmill.stack.elastic.mappings import BOOLEAN, DOUBLE, FREE, KEPT, LONG, TEXT, Mapping

Fields = dict[str, str]
"""Dotted path below `data` to the type of field there."""

DEEPEST = 6
MOST = 800
"""Levels and fields that are mapped one by one; below and beyond, an object is searched by exact values only.

An index holds 2,000 fields in all, and a text is two.
"""

OPEN: Mapping = {"type": "object", "dynamic": True}
"""The data of a dataset whose schema nobody told: fields are mapped as they come."""

DYNAMIC_TEMPLATES: list[Mapping] = [
    {"texts": {"path_match": "data.*", "match_mapping_type": "string", "mapping": TEXT}},
    {"integers": {"path_match": "data.*", "match_mapping_type": "long", "mapping": LONG}},
    {"numbers": {"path_match": "data.*", "match_mapping_type": "double", "mapping": DOUBLE}},
]

_BRANCHES = ("anyOf", "oneOf", "allOf")
_PLAIN_NAME = re.compile(r"[A-Za-z_][\w-]*")


def compile_fields(record_schema: dict[str, Any]) -> Mapping:
    """The mapping of `data`."""
    for deepest in range(DEEPEST, 0, -1):
        mapping = {"type": "object", "dynamic": False, "properties": _properties(record_schema, deepest)}
        if len(flattened(mapping)) <= MOST:
            break
    return mapping


def flattened(mapping: Mapping, prefix: str = "") -> Fields:
    """Every field of a mapping with its type, objects included."""
    fields: Fields = {}
    for name, field in mapping.get("properties", {}).items():
        kept = field.get("enabled") is False
        fields[f"{prefix}{name}"] = "kept" if kept else field.get("type", "object")
        fields |= flattened(field, f"{prefix}{name}.")
    return fields


def hash_of(mapping: Mapping) -> str:
    """A short name for a mapping."""
    return hashlib.sha256(json.dumps(mapping, sort_keys=True).encode()).hexdigest()[:12]


def fits(there: Fields, wanted: Fields) -> bool:
    """Whether an index with fields `there` can have the wanted ones too."""
    return all(there.get(path, type_) == type_ for path, type_ in wanted.items())


def _properties(schema: dict[str, Any], deepest: int) -> Mapping:
    declared = schema.get("properties", {})
    return {name: _field(declaration, deepest - 1) for name, declaration in declared.items()}


def _field(declaration: object, deepest: int) -> Mapping:
    if not isinstance(declaration, dict):
        return KEPT
    types = set(_types(declaration)) - {"null"}
    if types == {"array"}:
        items = declaration.get("items", True)
        return _field(items, deepest)
    if types == {"object"}:
        return _object(declaration, deepest)
    return _scalar(types)


def _scalar(types: set[str]) -> Mapping:
    if types == {"integer"}:
        return LONG
    if types and types <= {"integer", "number"}:
        return DOUBLE
    if types == {"boolean"}:
        return BOOLEAN
    if types and types <= {"string", "integer", "number", "boolean"}:
        return TEXT
    return KEPT


def _object(declaration: dict[str, Any], deepest: int) -> Mapping:
    properties = declaration.get("properties", {})
    is_closed = declaration.get("additionalProperties") is False or "additionalProperties" not in declaration
    plain = all(_PLAIN_NAME.fullmatch(name) for name in properties)
    # a name with a dot would be taken for a path, and open objects would bring fields without end
    if not properties or not is_closed or not plain or deepest < 1:
        return FREE
    return {"type": "object", "dynamic": False, "properties": _properties(declaration, deepest)}


def _types(declaration: dict[str, Any]) -> Iterator[str]:
    """The JSON types that a value may have; "any" among them when nothing is said."""
    declared = declaration.get("type")
    if isinstance(declared, str):
        yield declared
        return
    if isinstance(declared, list):
        yield from declared
        return
    branches = [branch for key in _BRANCHES for branch in declaration.get(key, ())]
    if not branches:
        yield from _types_of_values(declaration)
    for branch in branches:
        yield from _types(branch) if isinstance(branch, dict) else ("any",)


def _types_of_values(declaration: dict[str, Any]) -> Iterator[str]:
    values = declaration.get("enum", [declaration["const"]] if "const" in declaration else None)
    if values is None:
        yield "any"
        return
    for value in values:
        match value:
            case bool():
                yield "boolean"
            case int():
                yield "integer"
            case float():
                yield "number"
            case str():
                yield "string"
            case None:
                yield "null"
            case _:
                yield "any"
