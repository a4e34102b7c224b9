"""Turns conditions, fields and orders into SQL; values are always bound, and paths cannot hold anything but names."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from synthmill.embedded.places import NUMBER, Home
from synthmill.embedded.schema import COLUMNS
from synthmill.embedded.sqlite import LEAVES
from synthmill.field_paths import checked_path
from synthmill.ports.records import Condition, Document, Outside, Range, Scalar, Where

Bound = str | int | float | None


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL and its parameters."""

    text: str
    parameters: tuple[Bound, ...] = ()


def all_of(parts: Sequence[Sql]) -> Sql:
    """Joins conditions by AND."""
    text = " AND ".join(f"({part.text})" for part in parts)
    return Sql(text, tuple(parameter for part in parts for parameter in part.parameters))


def selected(home: Home, where: Where | None) -> Sql:
    """The condition that a document lies at the place and matches."""
    parts = [Sql(f"place = {NUMBER}", home.key)]
    if home.accepted_only:
        parts.append(Sql("state = 'accepted'"))
    parts += [_holds(path, condition) for path, condition in (where or {}).items()]
    return all_of(parts)


def field(path: str) -> str:
    """The value at a dotted path, as SQL; `UserError` when it is no path."""
    checked = json_path(path)
    return path if path in COLUMNS else f"json_extract(document, {checked})"


def json_type(path: str) -> str:
    """The JSON type at a dotted path, as SQL; NULL when there is nothing."""
    checked = json_path(path)
    return f"typeof({path})" if path in COLUMNS else f"json_type(document, {checked})"


def number(path: str) -> str:
    """The number at a dotted path, as SQL; NULL when there is something else."""
    return f"CASE WHEN {json_type(path)} IN ('integer', 'real') THEN {field(path)} END"


def column_values(document: Document) -> list[Bound]:
    """What a document puts into the columns; the contracts have one plain value in each of these fields."""
    values = (document.get(name) for name in COLUMNS)
    return [
        bindable(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
        for value in values
    ]


def json_path(path: str) -> str:
    """The path as a SQL literal in SQLite's notation."""
    quoted = ".".join(f'"{name}"' for name in checked_path(path).split("."))
    return f"'$.{quoted}'"


def _holds(path: str, condition: Condition) -> Sql:
    if isinstance(condition, Outside):
        within = _within(path, condition.bounds)
        return Sql(f"({within.text}) IS NOT TRUE", within.parameters)  # of a field that is not there it is NULL
    if isinstance(condition, Range):
        return _within(path, condition)
    values = [condition] if isinstance(condition, str | int | float) else list(condition)
    return _any_of(path, values)


def _any_of(path: str, values: Sequence[Scalar]) -> Sql:
    """A list in the document matches when one of its elements does."""
    if path in COLUMNS:
        return _among(path, [value for value in values if not isinstance(value, bool)])
    alone = _equal(field(path), json_type(path), values)
    element = _equal("element.value", "element.type", values)
    return _or_in_a_list(path, alone, element)


def _or_in_a_list(path: str, alone: Sql, element: Sql) -> Sql:
    """Either the value itself, or an element of it or of a list above it."""
    return Sql(
        f"({alone.text}) OR (({json_type(path)} = 'array' OR {below_a_list(path)}) AND EXISTS"
        f" (SELECT 1 FROM {elements(path)} AS element WHERE {element.text}))",
        alone.parameters + element.parameters,
    )


def below_a_list(path: str) -> str:
    """The condition that the path leads through a list, as SQL; SQLite's own paths do not."""
    names = path.split(".")
    above = [".".join(names[:depth]) for depth in range(2, len(names))]  # the first is the document's own field
    return " OR ".join(f"{json_type(each)} = 'array'" for each in above) or "FALSE"


def elements(path: str) -> str:
    """What is at the path, as a table of SQLite's json_each: each element of lists, at it or above it."""
    plain = f"json_each(document, {json_path(path)})"
    if path.count(".") < 2:
        return plain
    through = f"({below_a_list(path)})"
    return (
        f"json_each(CASE WHEN {through} THEN {LEAVES}(document, '{checked_path(path)}') ELSE document END,"
        f" CASE WHEN {through} THEN '$' ELSE {json_path(path)} END)"
    )


def _equal(value: str, type_: str, values: Sequence[Scalar]) -> Sql:
    """true and false are kept apart from 1 and 0, which is what SQLite takes them for."""
    booleans = ["true" if scalar else "false" for scalar in values if isinstance(scalar, bool)]
    plain = [scalar for scalar in values if not isinstance(scalar, bool)]
    same = _among(value, plain)
    same = Sql(f"{same.text} AND {type_} NOT IN ('true', 'false', 'object', 'array')", same.parameters)
    if not booleans:
        return same
    flag = _among(type_, booleans)
    return Sql(f"({same.text}) OR ({flag.text})", same.parameters + flag.parameters)


def _among(value: str, scalars: Sequence[Scalar]) -> Sql:
    if len(scalars) == 1:
        return Sql(f"{value} = ?", (bindable(scalars[0]),))
    # one parameter however long the list is: SQLite bounds their number
    return Sql(f"{value} IN (SELECT value FROM json_each(?))", (json.dumps(list(scalars)),))


def _within(path: str, bounds: Range) -> Sql:
    alone = _bounded(field(path), json_type(path), bounds)
    return alone if path in COLUMNS else _or_in_a_list(path, alone, _bounded("element.value", "element.type", bounds))


def _bounded(value: str, type_: str, bounds: Range) -> Sql:
    parts: list[Sql] = [Sql(f"{value} IS NOT NULL")]
    for operator, bound in ((">=", bounds.low), ("<=", bounds.high)):
        if bound is not None:
            # texts and numbers have no order between them, though SQLite has one
            types = "('text')" if isinstance(bound, str) else "('integer', 'real')"
            parts.append(Sql(f"{type_} IN {types} AND {value} {operator} ?", (bindable(bound),)))
    return all_of(parts)


def bindable(scalar: Scalar) -> Bound:
    """The value as SQLite takes it: integers of more than 64 bits are floats there, as they are in its JSON."""
    return float(scalar) if isinstance(scalar, int) and not -(1 << 63) <= scalar < 1 << 63 else scalar
