"""Reads a value as the type that a field contract asks for; text becomes a number only when it plainly is one."""

import json
import re

from synthmill.inputs.extract.rows import UnstorableValue, json_size
from synthmill_schemas.ids import canonical_json
from synthmill_schemas.recipe import ValueType

_INTEGER = re.compile(r"[+-]?\d+(\.0*)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_TRUE = frozenset({"true", "t", "yes", "y", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "0"})
_MOST_DIGITS = 100  # leading zeros and all; Python refuses to read integers of more than 4,300
_INT64 = range(-(1 << 63), 1 << 63)


class Unfit(ValueError):
    """The value is not of the type; the text says what it is not."""


def coerce(value: object, wanted: ValueType, *, is_text: bool) -> object:
    """`value` as `wanted`, or `Unfit`. `is_text`: it comes from a file where everything is text, such as CSV."""
    match wanted:
        case ValueType.STRING:
            return value if isinstance(value, str) else canonical_json(value)
        case ValueType.INTEGER:
            return _integer(value)
        case ValueType.NUMBER:
            return _number(value)
        case ValueType.BOOLEAN:
            return _boolean(value)
        case ValueType.JSON:
            return _json(value) if is_text and isinstance(value, str) else value


def _integer(value: object) -> int:
    # 12.0 counts: spreadsheets and dataframes write integers so as soon as one cell of the column is empty
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        digits = value.strip().partition(".")[0]
        if len(digits) > _MOST_DIGITS:
            raise Unfit("is beyond 64 bits")
        value = int(digits)
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Unfit("is not an integer")
    if value not in _INT64:
        raise Unfit("is beyond 64 bits")
    return value


def _number(value: object) -> int | float:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        text = value.strip()
        value = int(text) if text.lstrip("+-").isdigit() and len(text) < 19 else float(text)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Unfit("is not a number")
    if isinstance(value, int) and value not in _INT64:
        raise Unfit("is beyond 64 bits")
    if value in (float("inf"), float("-inf")):
        raise Unfit("is too large for a number")
    return value


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, str | int) else ""
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise Unfit("is neither true nor false")


def _json(text: str) -> object:
    try:
        value: object = json.loads(text, parse_constant=_refuse)
        json_size(value)
    except (json.JSONDecodeError, RecursionError) as error:
        raise Unfit("is not JSON") from error
    except (UnstorableValue, ValueError) as error:
        raise Unfit(f"cannot be kept as JSON: {error}") from error
    return value


def _refuse(name: str) -> object:
    raise UnstorableValue(f"{name} is not JSON")
