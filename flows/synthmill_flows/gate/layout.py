"""How records lie in a table: a column for each leaf, then the record's id, then what helps to judge.

Objects are spread over their leaves, so that `ticket.priority` is a column; lists and everything else stand as JSON.
Each leaf has a companion that tells the value's JSON type, because SQLite would take the text "12" for a number, and a
list has one that counts its items.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jsonschema_rs

from synthmill.recipes.compiled import CompiledRecipe
from synthmill.recipes.leaves import kind, kinds, leaves
from synthmill_flows.gate.checks import Cell
from synthmill_schemas.base import JsonObject
from synthmill_schemas.ids import canonical_json
from synthmill_schemas.recipe import Scalar

RECORD_ID = "_record_id"
FAULT = "_fault"
CONTENT = "_content"
MAX_LEAVES = 600
"""SQLite's tables have at most 2000 columns, and each leaf may take three."""

MISSING = "missing"
_UNSAFE = re.compile(r"[^A-Za-z0-9_.]+")
_INT64 = 1 << 63
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf of the record and its columns; `items` only of lists."""

    path: tuple[str, ...]
    schema: JsonObject
    name: str
    type_name: str
    items_name: str | None

    @property
    def dotted(self) -> str:
        """As it is spoken of, e.g. ticket.priority."""
        return ".".join(self.path)


class Layout:
    """The table of one recipe."""

    def __init__(self, compiled: CompiledRecipe) -> None:
        self._unique = compiled.unique
        self._validator = jsonschema_rs.validator_for(compiled.record_schema, offline=True)
        names = _Names([RECORD_ID, FAULT, CONTENT])
        spread = _spread(compiled.record_schema)
        values = [(path, schema, names.free(".".join(path))) for path, schema in spread]
        self.top = tuple(compiled.output)
        self.leaves = tuple(
            Leaf(
                path,
                schema,
                name,
                names.free(f"{name}__type"),
                names.free(f"{name}__items") if kinds(schema) == {"array"} else None,
            )
            for path, schema, name in values
        )
        self.by_path: Mapping[str, Leaf] = {leaf.dotted: leaf for leaf in self.leaves}

    @property
    def columns(self) -> list[str]:
        """Names of all columns, in order."""
        helpers = [name for leaf in self.leaves for name in (leaf.type_name, leaf.items_name) if name is not None]
        return [*(leaf.name for leaf in self.leaves), RECORD_ID, FAULT, CONTENT, *helpers]

    def row(self, record_id: str, data: JsonObject) -> list[Cell | None]:
        """A record's cells, in the order of `columns`."""
        found = [_value_at(data, leaf.path) for leaf in self.leaves]
        helpers: list[Cell | None] = []
        for leaf, value in zip(self.leaves, found, strict=True):
            helpers.append(_kind(value))
            if leaf.items_name is not None:
                helpers.append(len(value) if isinstance(value, list) else None)
        cells = [None if value is _ABSENT else cell(value) for value in found]
        return [*cells, record_id, self._fault(data), self._content(data), *helpers]

    def _fault(self, data: JsonObject) -> str | None:
        if self._validator.is_valid(data):
            return None
        error = next(iter(self._validator.iter_errors(data)))
        path = ".".join(str(part) for part in error.instance_path) or "(record)"
        return _text(f"{path}: {error.message}"[:_SHOWN])

    def _content(self, data: JsonObject) -> str | None:
        if not self._unique:
            return None
        text = canonical_json([data.get(name) for name in self._unique])
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def cell(value: object) -> Cell | None:
    """A value as SQLite holds it: lists and objects as JSON."""
    if value is None:
        return None
    return plain(value) if isinstance(value, bool | int | float | str) else _text(canonical_json(value))


def plain(value: Scalar) -> Cell:
    """The same of a plain value: true and false as words."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return value if -_INT64 <= value < _INT64 else float(value)
        case float():
            return value
        case str():
            return _text(value)


def _text(value: str) -> str:
    """SQLite ends a text at a NUL when it counts characters, and half of a surrogate pair has no bytes in UTF-8."""
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


class _Absent:
    """Where a record has no such key, which is not the same as null."""


_ABSENT = _Absent()


def _value_at(data: object, path: Sequence[str]) -> object:
    value = data
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return _ABSENT
        value = value[name]
    return value


def _kind(value: object) -> str | None:
    if value is _ABSENT:
        return MISSING
    return None if value is None else kind(value)


def _spread(schema: JsonObject) -> list[tuple[tuple[str, ...], JsonObject]]:
    """The leaves; when there are too many, columns stand as they are."""
    found = list(leaves(schema))
    if len(found) <= MAX_LEAVES:
        return found
    return [((name,), item) for name, item in schema["properties"].items()]


class _Names:
    """Names of columns: SQLite takes upper and lower case for the same."""

    def __init__(self, taken: Sequence[str]) -> None:
        self._taken = {name.lower() for name in taken}

    def free(self, wanted: str) -> str:
        base = _UNSAFE.sub("_", wanted) or "_"
        name, number = base, 1
        while name.lower() in self._taken:
            number += 1
            name = f"{base}_{number}"
        self._taken.add(name.lower())
        return name
