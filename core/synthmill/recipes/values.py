"""From the text that a template gives to a value of a type; the consumer has the same rules.

`schemas/examples/templates.json` holds both languages to them.
"""

import json
import math
import re

from pydantic import JsonValue

from synthmill.recipes.plain import INT64_MAX, INT64_MIN
from synthmill_schemas.recipe import ValueType

_BLANK = " \t\r\n"
_INTEGER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)
_MAX_NUMBER_LENGTH = 400
_MAX_JSON_DEPTH = 100
"""Lists and maps inside each other; serde_json would stop at 128 and Python much later."""
_UINT64_MAX = (1 << 64) - 1


class CastFailed(ValueError):
    """The text is not of the type; its message says why."""


def cast(text: str, type_: ValueType) -> JsonValue:
    """The value; text is kept as it is, the other types ignore blanks around them. Raises `CastFailed`."""
    match type_:
        case ValueType.STRING:
            return text
        case ValueType.INTEGER:
            return _integer(text.strip(_BLANK))
        case ValueType.NUMBER:
            return _number(text.strip(_BLANK))
        case ValueType.BOOLEAN:
            return _boolean(text.strip(_BLANK))
        case ValueType.JSON:
            return _json(text)


def _integer(text: str) -> int:
    if _INTEGER.fullmatch(text) and INT64_MIN <= int(text) <= INT64_MAX:
        return int(text)
    hint = ", |int makes it one" if _NUMBER.fullmatch(text) else ""
    raise CastFailed(f"{_shown(text)} is not an integer of 64 bits{hint}")


def _number(text: str) -> float:
    if len(text) <= _MAX_NUMBER_LENGTH and _NUMBER.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    raise CastFailed(f"{_shown(text)} is not a finite number")


def _boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered in ("true", "false"):
        return lowered == "true"
    raise CastFailed(f"{_shown(text)} is neither true nor false")


def _json(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text, parse_int=_json_integer, parse_float=_json_float, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise CastFailed(f"{_shown(text)} is not JSON: {error}") from error
    _check(value, 0)
    return value


def _json_integer(text: str) -> int | float:
    """Integers beyond 64 bits and minus zero become floats, as serde_json reads them."""
    if len(text) <= 20 and text != "-0" and INT64_MIN <= int(text) <= _UINT64_MAX:
        return int(text)
    return _json_float(text)


def _json_float(text: str) -> float:
    value = float(text)
    if math.isfinite(value):
        return value
    raise CastFailed("a number is out of range")


def _refuse(text: str) -> None:
    raise CastFailed(f"{text} is no JSON value")


def _check(value: JsonValue, depth: int) -> None:
    """Refuses text that is no Unicode, and more than the allowed depth; `depth` counts what `value` stands in."""
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, list | dict):
        if depth == _MAX_JSON_DEPTH:
            raise CastFailed(f"JSON nested deeper than {_MAX_JSON_DEPTH} levels")
        for item in value if isinstance(value, list) else (*value, *value.values()):
            _check(item, depth + 1)


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise CastFailed("JSON text holds half of a surrogate pair") from error


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
