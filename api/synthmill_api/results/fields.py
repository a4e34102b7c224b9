"""Filters, sorting and facets on the recipe's own fields: checked against the record's JSON Schema, typed by it."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synthmill.ports.records import Condition, Range, Scalar
from synthmill_api.errors import Code, FaultItem, Refused

FILTER = r"^[A-Za-z_][\w.-]*(>=|<=|=).*$"
_FILTER = re.compile(r"([A-Za-z_][\w.-]*)(>=|<=|=)(.*)", re.DOTALL)
_BRANCHES = ("anyOf", "oneOf", "allOf")
_ANY = frozenset({"string", "number", "boolean"})


class Fields:
    """The fields of a record, by dotted path, with the JSON types that each may have."""

    def __init__(self, record_schema: Mapping[str, Any]) -> None:
        self._types = dict(_declared(record_schema, ""))

    def path(self, name: str) -> str:
        """Where the field lies in a slot's document; refused when there is none."""
        if name not in self._types:
            known = ", ".join(sorted(self._types))
            raise Refused(Code.UNKNOWN_FIELD, f"records have no field {name[:200]!r}; they have {known}")
        return f"data.{name}"

    def where(self, filters: Sequence[str]) -> dict[str, Condition]:
        """Filters as conditions: values of one field are alternatives, bounds of one field a range."""
        values: dict[str, list[Scalar]] = {}
        bounds: dict[str, dict[str, Scalar]] = {}
        for text in filters:
            match = _FILTER.fullmatch(text)
            if match is None:
                raise _fault(text, "a filter is field=value, field>=value or field<=value")
            name, operator, value = match.groups()
            path = self.path(name)
            if operator == "=":
                values.setdefault(path, []).extend(self._readings(text, name, value))
            else:
                side = "low" if operator == ">=" else "high"
                bounds.setdefault(path, {})[side] = self._bound(text, name, value)
        both = sorted(values.keys() & bounds.keys())
        if both:
            raise _fault(both[0].removeprefix("data."), "a field is filtered by values or by bounds, not by both")
        ranges = {path: Range(side.get("low"), side.get("high")) for path, side in bounds.items()}
        return {**values, **ranges}

    def _readings(self, text: str, name: str, value: str) -> list[Scalar]:
        """What the text can mean as a value of the field."""
        types = self._types[name] or _ANY
        readings: list[Scalar] = [value] if "string" in types else []
        number = _number(value)
        if types & {"integer", "number"} and number is not None:
            readings.append(number)
        if "boolean" in types and value in ("true", "false"):
            readings.append(value == "true")
        if not readings:
            raise _fault(text, f"{name} holds {' or '.join(sorted(types))}")
        return readings

    def _bound(self, text: str, name: str, value: str) -> Scalar:
        types = self._types[name] or _ANY
        if types & {"integer", "number"}:
            number = _number(value)
            if number is not None:
                return number
        if "string" in types:
            return value
        raise _fault(text, f"{name} holds {' or '.join(sorted(types))}, which has no such bound")


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


def _fault(text: str, message: str) -> Refused:
    item = FaultItem(path="query.filter", message=f"{text[:200]}: {message}")
    return Refused(Code.INVALID_REQUEST, f"a filter cannot be used: {message}", [item])
