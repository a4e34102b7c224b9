"""How a wrong value and an unknown word are spoken of."""

from collections.abc import Sequence
from difflib import get_close_matches

from pydantic_core import ErrorDetails

MAX_LISTED = 12

_MAP = ("{given} is not a map", "Give a map of keys and values.")
_WHOLE = ("{given} is not a whole number", "Give a whole number.")
_NUMBER = ("{given} is not a number", "Give a number.")
_BOOLEAN = ("{given} is neither true nor false", "Give true or false.")
_LIST = ("{given} is not a list", "Give a list.")
_MOMENT = ("{given} is not a date", "Write it like 2024-05-31 or 2024-05-31T12:00:00Z.")
_SCALAR = ("{given} is not a plain value", "Use text, a number, true or false.")

_EXPLAINED = {
    "model_type": _MAP,
    "model_attributes_type": _MAP,
    "dict_type": _MAP,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "list_type": _LIST,
    "datetime_type": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "datetime_object_invalid": _MOMENT,
    "string_type": ("{given} is not text", "Give text; in quotes if it looks like a number."),
    "string_too_short": ("the text is too short", "Give at least {min_length} character(s)."),
    "string_too_long": ("the text is too long", "Give at most {max_length} characters."),
    "too_short": ("there are too few", "Give at least {min_length}."),
    "too_long": ("there are too many", "Give at most {max_length}."),
    "greater_than": ("{given} is too small", "It must be above {gt}."),
    "greater_than_equal": ("{given} is too small", "It must be at least {ge}."),
    "less_than": ("{given} is too big", "It must be below {lt}."),
    "less_than_equal": ("{given} is too big", "It must be at most {le}."),
    "literal_error": ("{given} is not allowed here", "One of: {expected}."),
    "enum": ("{given} is not allowed here", "One of: {expected}."),
    "string_pattern_mismatch": ("{given} is not of the right form", "{rule}"),
}

_RULES = {
    r"^[A-Za-z_][A-Za-z0-9_]{0,62}$": "Use letters, digits and _, not a digit first, at most 63.",
    r"^[a-z][a-z0-9_-]{0,62}$": "Use small letters, digits, - and _, a letter first, at most 63.",
    r"^https?://": "Begin with http:// or https://.",
    r"^[A-Z][A-Z0-9_]*$": "Give the name of an environment variable, such as OPENAI_API_KEY, never the key itself.",
    r"^[a-z]{2,3}_[A-Z]{2}$": "Write it like en_US or de_DE.",
}


def explained(detail: ErrorDetails) -> tuple[str, str]:
    """Message and hint for a value that Pydantic refuses."""
    if detail["loc"][-1:] in {
        ("str",),
        ("int",),
        ("float",),
        ("bool",),
    }:  # the last of the types a plain value may have
        message, hint = _SCALAR
    else:
        message, hint = _EXPLAINED.get(detail["type"], ("{given} cannot be used: {reason}", "Change the value."))
    context = dict(detail.get("ctx", {}))
    pattern = str(context.get("pattern"))
    words = {"given": shown(detail["input"]), "reason": detail["msg"], "rule": _RULES.get(pattern, f"Match {pattern}.")}
    return message.format(**{**context, **words}), hint.format(**{**context, **words})


def shown(value: object) -> str:
    """The value as it is quoted in a message, cut short."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def suggestion(word: str, known: Sequence[str]) -> str:
    """ "Did you mean …?" if a known word is close, else the known words."""
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]!r}?"
    if not known:
        return "There is none."
    more = ", ..." if len(known) > MAX_LISTED else ""
    return f"Known: {', '.join(known[:MAX_LISTED])}{more}."
