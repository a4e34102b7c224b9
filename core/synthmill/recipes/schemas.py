"""JSON Schemas of llm columns: the subset that a model can be held to, made self-contained.

Local references are written out and objects closed, so that a schema can stand anywhere inside a bigger one;
the only module of the package that names jsonschema_rs.
"""

from collections.abc import Iterator

import jsonschema_rs
from pydantic import JsonValue

from synthmill.recipes.errors import Found, Path, child
from synthmill_schemas.base import JsonObject

MAX_LEVELS = 10
MAX_NODES = 5_000
_ANNOTATIONS = frozenset({"title", "description", "default", "examples", "deprecated", "$comment"})
_NAMES = ("$defs", "definitions")
_TYPES = ("string", "integer", "number", "boolean", "object", "array", "null")
_REFUSED = {
    "$id": "Remove it; a column's schema stands alone.",
    "$anchor": "Refer by path, as in #/$defs/name.",
    "$dynamicRef": "Use $ref to #/$defs/name.",
    "$recursiveRef": "Use $ref to #/$defs/name.",
    "allOf": "Merge the parts into one schema.",
    "oneOf": "Use anyOf.",
    "not": "Say what is allowed instead.",
    "if": "Use anyOf, one schema per case.",
    "patternProperties": "Name the properties, or use an array of {key, value} objects.",
    "propertyNames": "Name the properties.",
    "dependentSchemas": "Use anyOf, one schema per case.",
    "dependentRequired": "Use anyOf, one schema per case.",
    "unevaluatedProperties": "Use additionalProperties: false.",
    "unevaluatedItems": "Give one schema for items.",
    "prefixItems": "Use an object with a property per position.",
    "contains": "Describe every item by items.",
    "then": "Use anyOf, one schema per case.",
    "else": "Use anyOf, one schema per case.",
    "dependencies": "Use anyOf, one schema per case.",
    "additionalItems": "Give one schema for items.",
    "contentSchema": "Use an object instead of text that holds JSON.",
    "$dynamicAnchor": "Refer by path, as in #/$defs/name.",
    "$recursiveAnchor": "Refer by path, as in #/$defs/name.",
}


class _Refused(Exception):
    """A place that cannot be resolved; carries the fault."""

    def __init__(self, found: Found) -> None:
        super().__init__(found)
        self.found = found


def prepare_schema(schema: JsonObject, path: Path) -> tuple[JsonObject | None, list[Found]]:
    """The self-contained schema, or None and the faults below `path`."""
    found = list(_meta_faults(schema, path))
    if found:
        return None, found
    try:
        inlined = _Inliner(schema, path).resolve()
    except _Refused as refused:
        return None, [refused.found]
    found = list(_subset_faults(inlined, path, 1))
    found = found or list(_engine_faults(inlined, path))
    return (None, found) if found else (_closed(inlined), [])


def _meta_faults(schema: JsonObject, path: Path) -> Iterator[Found]:
    try:
        jsonschema_rs.meta.validate({key: value for key, value in schema.items() if key != "$schema"})
    except jsonschema_rs.ValidationError as error:
        where = (*path, *error.instance_path)
        if where[-1] == "type":
            yield Found(where, "there is no such type", f"One of: {', '.join(_TYPES)}.")
        else:
            yield Found(where, f"not a JSON Schema: {error.message}", "See json-schema.org, draft 2020-12.")


def _engine_faults(schema: JsonObject, path: Path) -> Iterator[Found]:
    """What only the engine finds, such as a pattern that it cannot compile; it must never fetch a reference."""
    try:
        jsonschema_rs.Draft202012Validator(schema, offline=True)
    except (jsonschema_rs.ValidationError, ValueError) as error:
        message = getattr(error, "message", None) or str(error)
        yield Found(path, f"the schema cannot be used: {message}", "Mend the schema.")


def runs_in_linear_time(pattern: str) -> bool:
    """Whether the engine that rows are checked with takes the pattern: Rust's `regex`, as Polars has it."""
    options = jsonschema_rs.RegexOptions()
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=options, offline=True)
    except (jsonschema_rs.ValidationError, ValueError):
        return False
    return True


class _Inliner:
    """Writes local references out."""

    def __init__(self, root: JsonObject, path: Path) -> None:
        self._root = root
        self._path = path
        self._nodes = 0

    def resolve(self) -> JsonObject:
        return self._schema({key: item for key, item in self._root.items() if key != "$schema"}, ())

    def _schema(self, value: JsonObject, following: tuple[str, ...]) -> JsonObject:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self._refuse(f"the schema is bigger than {MAX_NODES} parts", "Make it smaller.")
        if "$ref" in value:
            return self._reference(value, following)
        return {key: self._part(key, item, following) for key, item in value.items() if key not in _NAMES}

    def _part(self, keyword: str, value: JsonValue, following: tuple[str, ...]) -> JsonValue:
        """Only these keywords hold schemas, of those that are supported; enum and default hold data."""
        match keyword, value:
            case "properties", dict():
                return {name: self._below(item, following) for name, item in value.items()}
            case "anyOf", list():
                return [self._below(item, following) for item in value]
            case "items", _:
                return self._below(value, following)
            case _:
                return value

    def _below(self, value: JsonValue, following: tuple[str, ...]) -> JsonValue:
        return self._schema(value, following) if isinstance(value, dict) else value

    def _reference(self, value: JsonObject, following: tuple[str, ...]) -> JsonObject:
        pointer = value["$ref"]
        if not isinstance(pointer, str) or not pointer.startswith("#"):
            raise self._refuse(f"the reference {pointer!r} leaves the schema", "Put the definition under $defs.")
        if pointer in following:
            raise self._refuse(
                f"the reference {pointer!r} leads back to itself", "Recursive schemas are not supported."
            )
        target = self._target(pointer)
        beside = {key: item for key, item in value.items() if key != "$ref"}
        clash = sorted((beside.keys() - _ANNOTATIONS) & target.keys())
        if clash:
            raise self._refuse(f"{clash[0]!r} stands beside {pointer!r} and inside it", "Keep it in one place.")
        return self._schema({**target, **beside}, (*following, pointer))

    def _target(self, pointer: str) -> JsonObject:
        node: object = self._root
        for part in pointer.removeprefix("#").split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            node = child(node, int(key) if isinstance(node, list) and key.isdecimal() else key)
        if not isinstance(node, dict) or not (pointer == "#" or pointer.startswith("#/")):
            raise self._refuse(f"the reference {pointer!r} leads nowhere", "Define it under $defs.")
        return node

    def _refuse(self, message: str, hint: str) -> _Refused:
        return _Refused(Found(self._path, message, hint))


def _subset_faults(schema: object, path: Path, level: int) -> Iterator[Found]:
    if not isinstance(schema, dict):
        yield Found(path, "a schema must be a map here", "Write type and what belongs to it.")
        return
    if level > MAX_LEVELS:
        yield Found(path, f"nested deeper than {MAX_LEVELS} levels", "Make it flatter.")
        return
    for keyword in (keyword for keyword in _REFUSED if keyword in schema):
        yield Found((*path, keyword), f"{keyword!r} is not supported, models are not held to it", _REFUSED[keyword])
    if not schema.keys() & (_REFUSED.keys() | {"type", "enum", "const", "anyOf"}):
        yield Found(path, "no type is given", f"Add type, one of: {', '.join(_TYPES)}.")
    yield from _object_faults(schema, path, level)
    yield from _array_faults(schema, path, level)
    for position, item in enumerate(schema.get("anyOf", ())):
        yield from _subset_faults(item, (*path, "anyOf", position), level + 1)


def _types(schema: JsonObject) -> list[str]:
    types = schema.get("type", [])
    return types if isinstance(types, list) else [types]


def _object_faults(schema: JsonObject, path: Path, level: int) -> Iterator[Found]:
    properties = schema.get("properties", {})
    if "object" in _types(schema):
        yield from _closed_faults(schema, properties, path)
    for name, item in properties.items():
        yield from _subset_faults(item, (*path, "properties", name), level + 1)


def _closed_faults(schema: JsonObject, properties: JsonObject, path: Path) -> Iterator[Found]:
    if not properties and "enum" not in schema and "const" not in schema:
        yield Found(path, "an object without properties", "Name its properties, or use an array of {key, value}.")
    if schema.get("additionalProperties", False) is not False:
        yield Found((*path, "additionalProperties"), "objects must be closed", "Use false, or leave it out.")
    required = schema.get("required", list(properties))
    missing = [name for name in properties if name not in required]
    if missing:
        hint = "Leave required out (then all are), or list it and let its type be null as well: [string, 'null']."
        yield Found((*path, "required"), f"{missing[0]!r} is not required, but models must give every property", hint)
    unknown = [name for name in required if name not in properties]
    if unknown:
        yield Found((*path, "required"), f"{unknown[0]!r} is required but is no property", "Add it to properties.")


def _array_faults(schema: JsonObject, path: Path, level: int) -> Iterator[Found]:
    if "items" in schema:
        yield from _subset_faults(schema["items"], (*path, "items"), level + 1)
    elif "array" in _types(schema) and "prefixItems" not in schema:
        yield Found(path, "an array without items", "Add items: the schema of one item.")


def _closed(schema: JsonObject) -> JsonObject:
    """The schema with `additionalProperties: false` and all properties required, at every level."""
    result = dict(schema)
    if "properties" in schema:
        result["properties"] = {name: _closed(item) for name, item in schema["properties"].items()}
        result["required"] = list(schema["properties"])
        result["additionalProperties"] = False
    if "items" in schema:
        result["items"] = _closed(schema["items"])
    if "anyOf" in schema:
        result["anyOf"] = [_closed(item) for item in schema["anyOf"]]
    return result
