"""Filters, sorting and facets: by the recipe's own fields, typed by the record's schema, and by a record's origin."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synthmill.errors import UserError
from synthmill.ports.records import Condition, Range, Scalar

FILTER = r"^@?[A-Za-z_][\w.-]*(>=|<=|=).*$"
_FILTER = re.compile(r"(@?[A-Za-z_][\w.-]*)(>=|<=|=)(.*)", re.DOTALL)
_BRANCHES = ("anyOf", "oneOf", "allOf")
_ANY = frozenset({"string", "number", "boolean"})
_TEXT = frozenset({"string"})
_WHOLE = frozenset({"integer"})

ORIGIN: Mapping[str, tuple[str, frozenset[str]]] = {
    "@slot": ("slot", _WHOLE),
    "@seed": ("seed_id", _TEXT),
    "@source": ("lineage.source", _TEXT),
    "@row": ("lineage.row", _WHOLE),
    "@page": ("lineage.page", _WHOLE),
    "@sheet": ("lineage.sheet", _TEXT),
    "@route": ("provenance.route", _TEXT),
    "@model": ("provenance.model", _TEXT),
    "@round": ("provenance.round", _WHOLE),
    "@attempt": ("provenance.attempt", _WHOLE),
    "@prompt_tokens": ("provenance.prompt_tokens", _WHOLE),
    "@completion_tokens": ("provenance.completion_tokens", _WHOLE),
    "@cost_usd": ("provenance.cost_usd", frozenset({"number"})),
}
"""What a record can be found by besides its columns, whose names cannot begin with an @: path and types."""


class FieldUnknown(UserError):
    """No record has such a field; the text lists those there are."""


class FilterUnusable(UserError):
    """A filter that says nothing, or nothing that its field can be."""


class Fields:
    """The fields of a record, by dotted path, with the JSON types that each may have."""

    def __init__(self, record_schema: Mapping[str, Any]) -> None:
        self._types = dict(_declared(record_schema, ""))
        self._wholes = {name.rsplit(".", depth)[0] for name in self._types for depth in range(1, name.count(".") + 1)}
        self._wholes |= set(record_schema.get("properties", {}))

    def path(self, name: str) -> str:
        """Where the field lies in a slot's document; `FieldUnknown` when there is none."""
        if name in ORIGIN:
            return ORIGIN[name][0]
        if name not in self._types:
            raise self._unknown(name)
        return f"data.{name}"

    def shown(self, names: Sequence[str]) -> tuple[str, ...]:
        """The same names, each checked to be a field of the record's data or an object with fields."""
        for name in names:
            if name not in self._types and name not in self._wholes:
                raise self._unknown(name)
        return tuple(names)

    def where(self, filters: Sequence[str]) -> dict[str, Condition]:
        """Filters as conditions: values of one field are alternatives, bounds of one field a range."""
        values: dict[str, list[Scalar]] = {}
        bounds: dict[str, dict[str, Scalar]] = {}
        for text in filters:
            match = _FILTER.fullmatch(text)
            if match is None:
                raise _unusable(text, "a filter is field=value, field>=value or field<=value")
            name, operator, value = match.groups()
            path = self.path(name)
            if operator == "=":
                values.setdefault(path, []).extend(self._readings(text, name, value))
            else:
                side = "low" if operator == ">=" else "high"
                bounds.setdefault(path, {})[side] = self._bound(text, name, value)
        both = sorted(values.keys() & bounds.keys())
        if both:
            raise _unusable(both[0].removeprefix("data."), "a field is filtered by values or by bounds, not by both")
        ranges = {path: Range(side.get("low"), side.get("high")) for path, side in bounds.items()}
        return {**values, **ranges}

    def _unknown(self, name: str) -> FieldUnknown:
        known = ", ".join(sorted(self._types))
        return FieldUnknown(
            f"records have no field {name[:200]!r}; they have {known}; filters, facets and sort also take "
            f"{', '.join(ORIGIN)}"
        )

    def _types_of(self, name: str) -> frozenset[str]:
        return (ORIGIN[name][1] if name in ORIGIN else self._types[name]) or _ANY

    def _readings(self, text: str, name: str, value: str) -> list[Scalar]:
        """What the text can mean as a value of the field."""
        types = self._types_of(name)
        readings: list[Scalar] = [value] if "string" in types else []
        number = _number(value)
        if types & {"integer", "number"} and number is not None:
            readings.append(number)
        if "boolean" in types and value in ("true", "false"):
            readings.append(value == "true")
        if not readings:
            raise _unusable(text, f"{name} holds {' or '.join(sorted(types))}")
        return readings

    def _bound(self, text: str, name: str, value: str) -> Scalar:
        types = self._types_of(name)
        if types & {"integer", "number"}:
            number = _number(value)
            if number is not None:
                return number
        if "string" in types:
            return value
        raise _unusable(text, f"{name} holds {' or '.join(sorted(types))}, which has no such bound")


def _declared(schema: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, frozenset[str]]]:
    for name, declaration in schema.get("properties", {}).items():
        if not isinstance(declaration, dict):
            continue
        held = declaration.get("items", {}) if _types(declaration) == {"array"} else declaration
        if not isinstance(held, dict):
            continue
        types = _types(held)
        if types != {"object"}:
            yield f"{prefix}{name}", frozenset(types)
        yield from _declared(held, f"{prefix}{name}.")


def _types(declaration: Mapping[str, Any]) -> set[str]:
    """The JSON types that a value may have, null aside; empty: any."""
    declared = declaration.get("type")
    if declared is not None:
        return ({declared} if isinstance(declared, str) else set(declared)) - {"null"}
    if "enum" in declaration:
        return {_type(value) for value in declaration["enum"]} - {"null"}
    branches = [_types(b) for key in _BRANCHES for b in declaration.get(key, ()) if isinstance(b, dict)]
    return set().union(*branches) if branches and all(branches) else set()


def _type(value: object) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
    return names.get(type(value), "object")


def _number(text: str) -> int | float | None:
    try:
        return int(text) if re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII) else _finite(float(text))
    except ValueError:
        return None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _unusable(text: str, message: str) -> FilterUnusable:
    return FilterUnusable(f"a filter cannot be used: {text[:200]}: {message}")


def picked(data: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Only these fields of a record's data, by dotted path, in the record's own shape."""
    wanted: dict[str, Any] = {}
    for name in sorted(names, key=lambda each: each.count("."), reverse=True):  # the shorter path takes all
        level = wanted
        *above, last = name.split(".")
        for part in above:
            level = level.setdefault(part, {})
        level[last] = {}
    return {name: _part(value, wanted[name]) for name, value in data.items() if name in wanted}


def _part(value: Any, wanted: Mapping[str, Any]) -> Any:  # noqa: ANN401  any JSON
    if not wanted:
        return value
    if isinstance(value, dict):
        return {name: _part(member, wanted[name]) for name, member in value.items() if name in wanted}
    return [_part(element, wanted) for element in value] if isinstance(value, list) else value
