"""The chat formats that trainers read: which fields of a record play which part, and a record as an example."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from synthmill.errors import UserError
from synthmill.records.fields import Fields
from synthmill_schemas.base import JsonObject
from synthmill_schemas.file_export import ChatColumns, ExportFormat

CHAT_FORMATS = frozenset({ExportFormat.ALPACA, ExportFormat.SHAREGPT, ExportFormat.MESSAGES})

_USUAL: Mapping[str, tuple[str, ...]] = {
    "instruction": ("instruction", "question", "prompt"),
    "input": ("input",),
    "output": ("output", "answer", "response", "completion"),
    "system": ("system",),
    "conversation": ("messages", "conversations", "conversation"),
}
"""By what name a column is taken for a part when nobody says which it is, the first that there is."""

_ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "model": "assistant"}
_SPEAKERS = {"user": "human", "assistant": "gpt"}
_ROLE_FIELDS = ("role", "from")
_CONTENT_FIELDS = ("content", "value")

Turn = tuple[str, str]
"""Role and text."""


class ColumnsMissing(UserError):
    """The records have no columns for this format; the text says which it needs, and which there are."""


def chat_columns(format_: ExportFormat, given: ChatColumns | None, record_schema: JsonObject) -> ChatColumns:
    """The parts' fields: as given, else by their usual names. `ColumnsMissing`, `FieldUnknown`."""
    fields, columns = Fields(record_schema), record_schema["properties"]
    named = (given or ChatColumns()).model_dump(exclude_none=True)
    fields.shown(list(named.values()))
    talks = format_ is not ExportFormat.ALPACA
    if talks and not named.keys() & {"instruction", "output"}:
        spoken = named.get("conversation") or _usual("conversation", columns)
        if spoken is not None and _holds_turns(record_schema, spoken):
            return ChatColumns(conversation=spoken, system=named.get("system"))
        if "conversation" in named:
            raise _missing(format_, columns, f"{spoken} is no list of objects with role and content")
    parts = {part: named.get(part) or _usual(part, columns) for part in ("instruction", "input", "output", "system")}
    lacking = [part for part in ("instruction", "output") if parts[part] is None]
    if lacking:
        raise _missing(format_, columns, f"nothing plays the part of {' and '.join(lacking)}")
    return ChatColumns(**parts)


def example_maker(format_: ExportFormat, columns: ChatColumns) -> Callable[[JsonObject], JsonObject]:
    """A record's data as one example of the format."""
    match format_:
        case ExportFormat.ALPACA:
            return lambda data: _alpaca(data, columns)
        case ExportFormat.SHAREGPT:
            return lambda data: {
                "conversations": [
                    {"from": _SPEAKERS.get(role, role), "value": text} for role, text in _turns(data, columns)
                ]
            }
        case _:
            return lambda data: {"messages": [{"role": role, "content": text} for role, text in _turns(data, columns)]}


def _alpaca(data: JsonObject, columns: ChatColumns) -> JsonObject:
    told = {"system": _text(data, columns.system)} if columns.system else {}
    return {
        "instruction": _text(data, columns.instruction),
        "input": _text(data, columns.input),
        "output": _text(data, columns.output),
        **told,
    }


def _turns(data: JsonObject, columns: ChatColumns) -> list[Turn]:
    system = [("system", text)] if (text := _text(data, columns.system)) else []
    if columns.conversation is not None:
        held = _value(data, columns.conversation)
        return [*system, *(_turn(each) for each in (held if isinstance(held, list) else []))]
    asked = [text for text in (_text(data, columns.instruction), _text(data, columns.input)) if text]
    return [*system, ("user", "\n\n".join(asked)), ("assistant", _text(data, columns.output))]


def _turn(held: Any) -> Turn:  # noqa: ANN401  an element of any JSON list
    turn = held if isinstance(held, dict) else {"content": held}
    role = next((str(turn[name]) for name in _ROLE_FIELDS if name in turn), "user")
    content = next((turn[name] for name in _CONTENT_FIELDS if name in turn), None)
    return _ROLES.get(role.lower(), role), _as_text(content)


def _text(data: JsonObject, path: str | None) -> str:
    return "" if path is None else _as_text(_value(data, path))


def _as_text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _value(data: JsonObject, path: str) -> object:
    value: object = data
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _usual(part: str, columns: JsonObject) -> str | None:
    return next((name for name in _USUAL[part] if name in columns), None)


def _holds_turns(record_schema: JsonObject, path: str) -> bool:
    """Whether the schema lets the field be a list of turns: where it says nothing, it may be."""
    schema: Any = record_schema
    for name in path.split("."):
        schema = schema.get("properties", {}).get(name, {}) if isinstance(schema, dict) else {}
    if schema.get("type", "array") != "array":
        return False
    turn = schema.get("items", {})
    names = turn.get("properties", {}) if isinstance(turn, dict) else {}
    return not names or bool(names.keys() & set(_ROLE_FIELDS) and names.keys() & set(_CONTENT_FIELDS))


def _missing(format_: ExportFormat, columns: JsonObject, why: str) -> ColumnsMissing:
    talks = "" if format_ is ExportFormat.ALPACA else ", or one `conversation`, a list of {role, content}"
    return ColumnsMissing(
        f"format {format_} needs a field for `instruction` and one for `output`{talks}: {why}. The records have "
        f"{', '.join(columns)}; say which is which, e.g. instruction:{next(iter(columns))}"
    )


def read_parts(given: list[str]) -> ChatColumns | None:
    """Texts like `instruction:question` as columns; None when there are none. `UserError` for others."""
    parts: dict[str, str] = {}
    for text in given:
        part, colon, path = text.partition(":")
        if part not in ChatColumns.model_fields or not colon or not path or part in parts:
            raise UserError(f"{text[:200]!r} is not PART:FIELD with each part once; parts are {', '.join(_USUAL)}")
        parts[part] = path
    return ChatColumns(**parts) if parts else None
