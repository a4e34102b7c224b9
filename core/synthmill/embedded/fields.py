"""The types that a dataset's columns are mapped to, and whether a record contradicts them.

A search server refuses a document whose field has another type than its mapping; so does this store, so that a
recipe that runs here also runs there.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from synthmill.ports.records import Document

Fields = dict[str, list[str]]
"""Dotted path in the record to the JSON types that it may have."""

_PARENTS = ("anyOf", "oneOf", "allOf")


def compile_fields(record_schema: Document) -> Fields:
    """The types of all fields that the JSON Schema declares; fields of any type are left out."""
    return {path: sorted(types) for path, types in _declared(record_schema, "") if types}


def widened(fields: Fields, more: Fields) -> Fields:
    """Both together: a dataset may be fed by recipes of several versions at a time."""
    merged = dict(fields)
    for path, types in more.items():
        merged[path] = sorted({*merged.get(path, types), *types})
    return merged


def contradiction(data: Mapping[str, Any], fields: Fields) -> str | None:
    """Says which field has a type it must not have, or None."""
    for path, types in fields.items():
        value = _value(data, path)
        found = _type(value)
        if found != "null" and found not in types:
            return f"data.{path} is of type {found}, the dataset's mapping says {' or '.join(types)}"
    return None


def _declared(schema: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, set[str]]]:
    for name, declaration in schema.get("properties", {}).items():
        if not isinstance(declaration, dict):
            continue
        path = f"{prefix}{name}"
        yield path, _types(declaration)
        yield from _declared(declaration, f"{path}.")


def _types(declaration: Mapping[str, Any]) -> set[str]:
    declared = declaration.get("type")
    if declared is None:
        branches = [
            _types(branch) for key in _PARENTS for branch in declaration.get(key, ()) if isinstance(branch, dict)
        ]
        return set().union(*branches) if branches and all(branches) else set()
    types = {declared} if isinstance(declared, str) else set(declared)
    return (types - {"integer"}) | {"number"} if "integer" in types else types


def _value(data: Mapping[str, Any], path: str) -> object:
    value: object = data
    for segment in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(segment)
    return value


def _type(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case Mapping():
            return "object"
        case _:
            return "array"
