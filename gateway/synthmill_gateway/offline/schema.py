"""Flattens a JSON Schema node until only one plain description of a value is left: no $ref, allOf, anyOf, oneOf."""

from collections.abc import Mapping
from random import Random
from typing import Any

Schema = Mapping[str, Any]

DEEP = 6  # from here on the shortest way out is taken, so that recursive schemas end
TOO_DEEP = 40

_MAXIMA = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})
_MINIMA = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})
_NULL_CHANCE = 0.1
_TYPE_BY_KEYWORD = (
    ("object", ("properties", "required", "additionalProperties", "patternProperties", "minProperties")),
    ("array", ("items", "prefixItems", "minItems", "maxItems", "uniqueItems")),
    ("string", ("minLength", "maxLength", "pattern", "format")),
    ("number", ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
)


class Unanswerable(ValueError):
    """The schema asks for something the offline model cannot make; the text says what."""


def flatten(schema: object, root: Schema, rng: Random, depth: int) -> dict[str, Any]:
    """The node without combinators; a branch of anyOf and oneOf is drawn. Raises Unanswerable."""
    node = _as_object(schema)
    for _ in range(TOO_DEEP):
        if "$ref" in node:
            reference = node.pop("$ref")
            node = merge(_as_object(_resolve(reference, root)), node)
        elif "allOf" in node:
            for part in node.pop("allOf"):
                node = merge(node, _as_object(part))
        elif branches := node.pop("anyOf", None) or node.pop("oneOf", None):
            node = merge(node, _as_object(_draw(branches, rng, depth)))
        else:
            return node
    raise Unanswerable("its $ref, allOf, anyOf and oneOf lead in a circle")


def type_of(node: Schema, rng: Random, depth: int) -> str:
    """One JSON type name; null of a nullable node comes up in one of ten draws."""
    declared = node.get("type")
    if isinstance(declared, str):
        return declared
    if isinstance(declared, list) and declared:
        return _draw_type([str(name) for name in declared], rng, depth)
    for name, keywords in _TYPE_BY_KEYWORD:
        if any(keyword in node for keyword in keywords):
            return name
    return "string"


def merge(left: Schema, right: Schema) -> dict[str, Any]:
    """Both descriptions at once, as far as keywords can say so; what they cannot is caught by the final check."""
    merged = dict(left)
    for keyword, value in right.items():
        merged[keyword] = _both(keyword, merged[keyword], value) if keyword in merged else value
    return merged


def _both(keyword: str, left: Any, right: Any) -> Any:  # noqa: ANN401  a keyword's value may be any JSON
    if keyword == "properties":
        return {
            **left,
            **{name: merge_nodes(left[name], node) if name in left else node for name, node in right.items()},
        }
    if keyword == "required":
        return list(dict.fromkeys([*left, *right]))
    if keyword == "enum":
        return [value for value in left if value in right]
    if keyword == "type":
        return _common_types(left, right)
    if keyword in _MAXIMA:
        return max(left, right)
    if keyword in _MINIMA:
        return min(left, right)
    if keyword in ("allOf", "anyOf", "oneOf") and isinstance(left, list):
        return [*left, *right] if keyword == "allOf" else [{"allOf": [one, two]} for one in left for two in right]
    return right


def merge_nodes(left: object, right: object) -> dict[str, Any]:
    """Like `merge`, for nodes that may still hold combinators."""
    return {"allOf": [left, right]}


def _common_types(left: object, right: object) -> list[str]:
    one = [left] if isinstance(left, str) else list(left) if isinstance(left, list) else []
    two = [right] if isinstance(right, str) else list(right) if isinstance(right, list) else []
    common = [name for name in one if name in two]
    if "integer" in (*one, *two) and "number" in (*one, *two):
        common.append("integer")
    if not common:
        raise Unanswerable(f"no type is both {one} and {two}")
    return common


def _draw(branches: object, rng: Random, depth: int) -> object:
    if not isinstance(branches, list) or not branches:
        raise Unanswerable("anyOf and oneOf have to be lists with at least one branch")
    nulls = [branch for branch in branches if isinstance(branch, Mapping) and branch.get("type") == "null"]
    others = [branch for branch in branches if branch not in nulls]
    if nulls and (not others or depth >= DEEP or rng.random() < _NULL_CHANCE):
        return nulls[0]
    if depth >= DEEP:
        return min(others, key=lambda branch: "$ref" in str(branch))
    return rng.choice(others)


def _draw_type(names: list[str], rng: Random, depth: int) -> str:
    others = [name for name in names if name != "null"]
    if "null" in names and (not others or depth >= DEEP or rng.random() < _NULL_CHANCE):
        return "null"
    return rng.choice(others)


def _resolve(reference: object, root: Schema) -> object:
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise Unanswerable(f"$ref {reference!r} points outside the schema")
    target: Any = root
    for part in filter(None, reference[1:].split("/")):
        key = part.replace("~1", "/").replace("~0", "~")
        try:
            target = target[int(key)] if isinstance(target, list) else target[key]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise Unanswerable(f"$ref {reference!r} points to nothing") from error
    return target


def _as_object(schema: object) -> dict[str, Any]:
    if schema is True:
        return {}
    if isinstance(schema, Mapping):
        return dict(schema)
    raise Unanswerable(f"{schema!r} allows no value")
