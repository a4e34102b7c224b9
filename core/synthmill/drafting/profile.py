"""What the first rows of a table tell: each field's type, whether it has blanks, and which one names a row."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from synthmill.recipes.values import CastFailed, cast
from synthmill.recipes.vocabulary import RESERVED
from synthmill_schemas.base import JsonObject
from synthmill_schemas.recipe import ValueType

MOST_FIELDS = 12  # a prompt with more is hard to read, and dear
_LONG_CHARACTERS = 2_000  # a longer value hardly belongs into a prompt

_KEY_NAME = re.compile(r"(^|_)(id|key|uuid|guid|sku|isbn|ean|asin|code|number|no|nr|slug|email)$")
_PARTED = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")
_LEADING_ZERO = re.compile(r"-?0\d")
_TYPES = (ValueType.INTEGER, ValueType.NUMBER, ValueType.BOOLEAN)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the file: its own name, the recipe's name for it, and what its values have in common."""

    name: str
    column: str
    type: ValueType
    blank: bool
    unique: bool
    longest: int


def profile(rows: Sequence[JsonObject], columns: Sequence[str] | None, reserved: Iterable[str]) -> list[Field]:
    """The fields in the order of the file; without known columns, those of the rows as they first appear.

    `reserved` are names that no field's column may get.
    """
    names = list(columns or dict.fromkeys(name for row in rows for name in row))
    taken = set(reserved)
    return [_field(name, rows, taken) for name in names]


def key_of(fields: Sequence[Field], rows: int) -> Field | None:
    """The field that names a row for good: by its name, and without blank or repeated values in the sample."""
    if rows < 2:
        return None
    named = (field for field in fields if field.unique and not field.blank and _KEY_NAME.search(_snake(field.name)))
    return next(named, None)


def chosen(fields: Sequence[Field]) -> list[Field]:
    """The fields that a starter recipe uses: the first few that fit into a prompt."""
    return [field for field in fields if field.longest <= _LONG_CHARACTERS][:MOST_FIELDS]


def _field(name: str, rows: Sequence[JsonObject], taken: set[str]) -> Field:
    values = [row.get(name) for row in rows]
    filled = [value for value in values if value is not None and value != ""]
    return Field(
        name=name,
        column=_column(name, taken),
        type=_type(filled),
        blank=len(filled) < len(values),
        unique=len({str(value) for value in filled}) == len(filled),
        longest=max((len(str(value)) for value in filled), default=0),
    )


def _type(values: Sequence[object]) -> ValueType:
    if not values:
        return ValueType.STRING
    if all(isinstance(value, str) for value in values):
        texts = [str(value) for value in values]
        return next((type_ for type_ in _TYPES if all(_is(text, type_) for text in texts)), ValueType.STRING)
    return next((type_ for type_ in _TYPES if all(_is_native(value, type_) for value in values)), ValueType.JSON)


def _is(text: str, type_: ValueType) -> bool:
    if _LEADING_ZERO.match(text.strip()):
        return False  # a postcode or an article number, not an amount
    try:
        cast(text, type_)
    except CastFailed:
        return False
    return True


def _is_native(value: object, type_: ValueType) -> bool:
    match value:
        case bool():
            return type_ is ValueType.BOOLEAN
        case int():
            return type_ in (ValueType.INTEGER, ValueType.NUMBER)
        case float():
            return type_ is ValueType.NUMBER
        case _:
            return False


def _column(name: str, taken: set[str]) -> str:
    """A name that templates can use, not taken yet."""
    plain = name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", name) else _snake(name)[:50]
    base = plain if re.match(r"[A-Za-z_]", plain) else f"field_{plain}".rstrip("_")
    if base in RESERVED:
        base += "_"
    column, number = base, 1
    while column in taken:
        number += 1
        column = f"{base}_{number}"
    taken.add(column)
    return column


def _snake(name: str) -> str:
    return "_".join(part for part in _PARTED.split(name) if part).lower()
