"""What a look at a file finds: kind, encoding, columns, first rows."""

from pydantic import BaseModel, Field

from synthmill.drafting.profile import Field as Profile
from synthmill.drafting.profile import profile
from synthmill.drafting.table import OUR_COLUMNS
from synthmill.inputs.detect import SourceKind
from synthmill_schemas.base import JsonObject
from synthmill_schemas.recipe import ValueType

MOST_CHARACTERS = 500
"""Longer texts are shown cut, with an ellipsis."""

_MOST_DEPTH = 6


class Column(BaseModel):
    """A field of the rows that were looked at."""

    name: str
    type: ValueType = Field(description="that all its values can be read as")
    blank: bool = Field(description="whether some rows have no value for it")
    unique: bool = Field(description="whether no value came twice")
    longest: int = Field(description="characters of its longest value")
    column: str = Field(description="a name that a recipe can use")

    @classmethod
    def of(cls, field: Profile) -> "Column":
        """The same, to be sent."""
        return cls(
            name=field.name,
            type=field.type,
            blank=field.blank,
            unique=field.unique,
            longest=field.longest,
            column=field.column,
        )

    def profile(self) -> Profile:
        """As a recipe is drafted from."""
        return Profile(self.name, self.column, self.type, self.blank, self.unique, self.longest)


class BadRowFound(BaseModel):
    """A row that a job would leave out."""

    row: int
    line: int | None
    reason: str


class Found(BaseModel):
    """The beginning of a file."""

    kind: SourceKind
    encoding: str | None = Field(None, description="of a text")
    delimiter: str | None = Field(None, description="of a table in text; none: it has one column")
    columns: list[Column]
    rows: list[JsonObject] = Field(description="long texts cut")
    bad_rows: list[BadRowFound] = []
    looked_at: int = Field(description="rows that columns and types were told by")
    complete: bool = Field(description="whether those are all there are")


def columns_of(rows: list[JsonObject], names: tuple[str, ...] | None) -> list[Column]:
    """The columns of these rows; `names`: those that every row has."""
    return [Column.of(field) for field in profile(rows, names, OUR_COLUMNS)]


def shown(row: JsonObject) -> JsonObject:
    """The row with long texts cut."""
    return {name: _cut(value, _MOST_DEPTH) for name, value in row.items()}


def _cut(value: object, depth: int) -> object:
    match value:
        case str() if len(value) > MOST_CHARACTERS:
            return value[:MOST_CHARACTERS] + "…"
        case dict() | list() if depth == 0:
            return "…"
        case dict():
            return {name: _cut(member, depth - 1) for name, member in value.items()}
        case list():
            return [_cut(member, depth - 1) for member in value]
        case _:
            return value
