"""What may stand in a recipe at all: JSON's types, finite, 64-bit, not too deep.

Such values come out the same in Python, in the Rust consumer and in the record store.
"""

import math
from collections.abc import Iterator

from synthmill.recipes.errors import Found, Path

MAX_DEPTH = 40
INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1


def plain_faults(value: object, path: Path = ()) -> Iterator[Found]:
    """Faults of the values that have no equal in JSON."""
    if len(path) > MAX_DEPTH:
        yield Found(path, f"nested deeper than {MAX_DEPTH} levels", "Make it flatter.")
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(key, str):
                yield from plain_faults(item, (*path, key))
            else:
                yield Found(path, f"the key {key!r} is not text", "Put the key in quotes.")
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from plain_faults(item, (*path, position))
    else:
        yield from _scalar_faults(value, path)


def _scalar_faults(value: object, path: Path) -> Iterator[Found]:
    match value:
        case None | bool():
            return
        case int() if not INT64_MIN <= value <= INT64_MAX:
            yield Found(path, f"{value} does not fit in 64 bits", "Use a smaller number, or text in quotes.")
        case float() if not math.isfinite(value):
            yield Found(path, f"{value} is not a finite number", "Write a number, or text in quotes.")
        case str() if not _is_unicode(value):
            yield Found(path, "half of a surrogate pair is not text", "Remove the \\ud800-\\udfff escape.")
        case int() | float() | str():
            return
        case _:
            kind = type(value).__name__
            yield Found(
                path, f"a {kind} has no place in a recipe", "Use text, numbers, true, false, null, lists, maps."
            )


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
