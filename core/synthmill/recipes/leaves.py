"""The parts of a record that stand for themselves: its columns, and the properties of columns that are objects."""

from collections.abc import Iterator

from synthmill_schemas.base import JsonObject

_NAMES: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def leaves(schema: JsonObject, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], JsonObject]]:
    """Path and schema of everything below an object schema that is no object with known properties itself."""
    for name, item in schema.get("properties", {}).items():
        if is_object(item):
            yield from leaves(item, (*path, name))
        else:
            yield (*path, name), item


def is_object(schema: JsonObject) -> bool:
    """Whether its values are objects, always, with known properties."""
    return schema.get("type") == "object" and bool(schema.get("properties"))


def kinds(schema: JsonObject) -> frozenset[str]:
    """The JSON types that the schema's values may have, null aside; empty: it does not say."""
    declared = schema.get("type")
    if declared is None:
        constants = [schema["const"]] if "const" in schema else schema.get("enum", [])
        names = {kind(value) for value in constants}
    else:
        names = {declared} if isinstance(declared, str) else set(declared)
    return frozenset(names - {"null"})


def kind(value: object) -> str:
    """A value's JSON type; a float without a fraction is an integer, as JSON Schema has it."""
    if value is None:
        return "null"
    if isinstance(value, float) and value.is_integer():
        return "integer"
    return _NAMES[type(value)]
