"""Column names, source columns and the contracts of the input's fields."""

import re
from collections.abc import Iterator

from synthmill.recipes.draft import Draft
from synthmill.recipes.errors import Found, Path
from synthmill.recipes.schemas import runs_in_linear_time
from synthmill.recipes.vocabulary import RESERVED
from synthmill_schemas.recipe import FieldContract, Scalar, ValueType

_NOT_LINEAR = {
    "look-around": (
        re.compile(r"\(\?<?[=!]"),
        "Say what the text must be, without what must not stand beside it, or list the values.",
    ),
    "the reference": (re.compile(r"\\[1-9]|\(\?P="), "Write the part out again."),
}
"""What expressions of other engines have and this one cannot."""

_NUMERIC = frozenset({ValueType.INTEGER, ValueType.NUMBER})


def faults(draft: Draft) -> Iterator[Found]:
    """Faults of names, and of what the input's fields must hold."""
    yield from _name_faults(draft)
    if "input" not in draft.broken:
        for name, contract in draft.recipe.input.fields.items():
            yield from _contract_faults(contract, ("input", "fields", name))
        chunking = draft.recipe.input.chunking
        if chunking.overlap >= chunking.size:
            hint = f"Make it smaller than size, {chunking.size}."
            yield Found(("input", "chunking", "overlap"), "chunks would overlap wholly", hint)


def _name_faults(draft: Draft) -> Iterator[Found]:
    first: dict[str, int] = {}
    for entry in draft.entries:
        if entry.name is None:
            continue
        path: Path = ("columns", entry.index, "name")
        if entry.name in first:
            yield Found(path, f"columns[{first[entry.name]}] has this name already", "Give each column its own name.")
        elif entry.name in RESERVED:
            hint = f"Name it {entry.name}_ or otherwise" + (
                ", and keep field: as it is." if entry.kind == "source" else "."
            )
            yield Found(path, f"{entry.name!r} means something else inside templates", hint)
        first.setdefault(entry.name, entry.index)


def _contract_faults(contract: FieldContract, path: Path) -> Iterator[Found]:
    yield from _pattern_faults(contract, path)
    yield from _bound_faults(contract, path)
    for position, value in enumerate(contract.values or ()):
        if not _is_of(value, contract.type):
            hint = f"Give {contract.type.value} values, or change type."
            yield Found((*path, "values", position), f"{value!r} is not of type {contract.type.value}", hint)


def _pattern_faults(contract: FieldContract, path: Path) -> Iterator[Found]:
    if contract.pattern is None:
        return
    if contract.type is not ValueType.STRING:
        hint = "Use minimum, maximum or values, or make it a string."
        yield Found((*path, "pattern"), f"a pattern is for text, not for type {contract.type.value}", hint)
    if not runs_in_linear_time(contract.pattern):
        message, hint = why_not_linear(contract.pattern)
        yield Found((*path, "pattern"), message, hint)


def why_not_linear(pattern: str) -> tuple[str, str]:
    """The engine does not say why, so this looks for what people miss in it, then asks Python's own for a reason."""
    for kind, (form, hint) in _NOT_LINEAR.items():
        if (found := form.search(pattern)) is not None:
            return f"{kind} {found.group()!r} cannot be used: each row is checked in linear time", hint
    try:
        re.compile(pattern)
    except re.error as error:
        return f"not a regular expression: {error}", "Mend it; put it in single quotes in YAML."
    hint = "Rows are checked by Rust's regex, see docs.rs/regex for its syntax; escape braces that are meant as text."
    return "not a regular expression of the engine that checks rows", hint


def _bound_faults(contract: FieldContract, path: Path) -> Iterator[Found]:
    if contract.type not in _NUMERIC:
        for keyword in ("minimum", "maximum"):
            if getattr(contract, keyword) is not None:
                hint = "Set type: integer or type: number, or remove the bound."
                yield Found((*path, keyword), f"a bound is for numbers, not for type {contract.type.value}", hint)
    elif contract.minimum is not None and contract.maximum is not None and contract.minimum > contract.maximum:
        yield Found((*path, "minimum"), f"it is above maximum, {contract.maximum}", "Swap the two.")


def _is_of(value: Scalar, type_: ValueType) -> bool:
    match type_:
        case ValueType.STRING:
            return isinstance(value, str)
        case ValueType.INTEGER:
            return isinstance(value, int) and not isinstance(value, bool)
        case ValueType.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case ValueType.BOOLEAN:
            return isinstance(value, bool)
        case ValueType.JSON:
            return True
