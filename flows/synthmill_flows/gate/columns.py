"""What the record's schema says of each leaf, as checks."""

from collections.abc import Iterator

from synthmill.recipes.leaves import kinds
from synthmill_flows.gate.checks import Check
from synthmill_flows.gate.layout import Leaf, cell
from synthmill_schemas.base import JsonObject

ALL_KINDS = ("array", "boolean", "integer", "number", "object", "string")
_LISTED = 5


def column_checks(leaf: Leaf) -> Iterator[Check]:
    """Type, presence, values, bounds, lengths and pattern, as far as the schema names them."""
    yield _type(leaf)
    if not _nullable(leaf.schema):
        yield present(leaf)
    constants = [leaf.schema["const"]] if "const" in leaf.schema else leaf.schema.get("enum")
    if constants is not None:
        yield values(leaf, [value for value in constants if value is not None])
    yield from _bounds(leaf)
    yield from _lengths(leaf)
    if "pattern" in leaf.schema:
        yield pattern(leaf, leaf.schema["pattern"])


def _type(leaf: Leaf) -> Check:
    allowed = set(kinds(leaf.schema)) or set(ALL_KINDS)
    if "number" in allowed:
        allowed.add("integer")
    shown = " or ".join(sorted(allowed - {"integer"} if "number" in allowed else allowed))
    words = "is there, of any type" if allowed == set(ALL_KINDS) else f"is of type {shown}"
    return Check(
        f"{leaf.dotted}.type",
        words,
        "expect_column_values_to_be_in_set",
        {"column": leaf.type_name, "value_set": sorted(allowed)},
        leaf.dotted,
    )


def present(leaf: Leaf) -> Check:
    """No nulls."""
    return Check(
        f"{leaf.dotted}.present",
        "is never null",
        "expect_column_values_to_not_be_null",
        {"column": leaf.name},
        leaf.dotted,
    )


def values(leaf: Leaf, allowed: list[object]) -> Check:
    """Nothing but these."""
    cells = [cell(value) for value in allowed]
    shown = ", ".join(str(value) for value in cells[:_LISTED])
    more = f" and {len(cells) - _LISTED} more" if len(cells) > _LISTED else ""
    return Check(
        f"{leaf.dotted}.values",
        f"is one of {shown}{more}",
        "expect_column_values_to_be_in_set",
        {"column": leaf.name, "value_set": cells},
        leaf.dotted,
    )


def pattern(leaf: Leaf, regex: str, words: str | None = None) -> Check:
    """Texts in which the expression is found."""
    return Check(
        f"{leaf.dotted}.pattern",
        words or f"matches {regex}",
        "expect_column_values_to_match_regex",
        {"column": leaf.name, "regex": regex},
        leaf.dotted,
    )


def unique(leaf: Leaf) -> Check:
    """No value twice."""
    return Check(
        f"{leaf.dotted}.unique",
        "is never the same twice",
        "expect_column_values_to_be_unique",
        {"column": leaf.name},
        leaf.dotted,
    )


def between(name: str, words: str, column: str, leaf: Leaf, bounds: JsonObject) -> Check:
    """Numbers, or texts in alphabetical order, in `bounds` as Great Expectations names them."""
    return Check(name, words, "expect_column_values_to_be_between", {"column": column, **bounds}, leaf.dotted)


def _bounds(leaf: Leaf) -> Iterator[Check]:
    bounds: JsonObject = {}
    words: list[str] = []
    for keyword, side, strict, shown in (
        ("minimum", "min", False, "at least"),
        ("exclusiveMinimum", "min", True, "above"),
        ("maximum", "max", False, "at most"),
        ("exclusiveMaximum", "max", True, "below"),
    ):
        if keyword in leaf.schema:
            bounds |= {f"{side}_value": leaf.schema[keyword], f"strict_{side}": strict}
            words.append(f"{shown} {leaf.schema[keyword]:g}")
    if bounds:
        yield between(f"{leaf.dotted}.range", f"is {' and '.join(words)}", leaf.name, leaf, bounds)


def _lengths(leaf: Leaf) -> Iterator[Check]:
    limits = {
        side: leaf.schema[key] for side, key in (("min", "minLength"), ("max", "maxLength")) if key in leaf.schema
    }
    if limits:
        yield lengths(leaf, limits.get("min"), limits.get("max"))
    items = {side: leaf.schema[key] for side, key in (("min", "minItems"), ("max", "maxItems")) if key in leaf.schema}
    if items and leaf.items_name is not None:
        yield lengths(leaf, items.get("min"), items.get("max"))


def lengths(leaf: Leaf, low: int | None, high: int | None) -> Check:
    """So many characters; of a list so many items."""
    bounds = {side: bound for side, bound in (("min_value", low), ("max_value", high)) if bound is not None}
    shown = " and ".join(
        f"{word} {bound}" for word, bound in (("at least", low), ("at most", high)) if bound is not None
    )
    name = f"{leaf.dotted}.length"
    if leaf.items_name is not None:
        return between(name, f"has {shown} items", leaf.items_name, leaf, bounds)
    kind = "expect_column_value_lengths_to_be_between"
    return Check(name, f"has {shown} characters", kind, {"column": leaf.name, **bounds}, leaf.dotted)


def _nullable(schema: JsonObject) -> bool:
    """Whether null is allowed, or cannot be excluded."""
    if "anyOf" in schema and "type" not in schema:
        return any(_nullable(branch) for branch in schema["anyOf"])
    declared = schema.get("type")
    if declared is None:
        constants = [schema["const"]] if "const" in schema else schema.get("enum", [None])
        return None in constants
    return "null" in ([declared] if isinstance(declared, str) else declared) and None in schema.get("enum", [None])
