"""The order of a search: by a field or by id, the same on every page."""

from dataclasses import dataclass
from typing import Self

from synthmill.cursors import Cursor
from synthmill.embedded.filters import Sql, field


@dataclass(frozen=True, slots=True)
class Order:
    """By `value`; documents without one come last either way, and equal values are ordered by id."""

    value: str
    descending: bool

    @classmethod
    def of(cls, sort: str | None) -> Self:
        """The order that `sort` names: a dotted field path, "-" before it for descending, None for the id."""
        if sort is None:
            return cls("NULL", descending=False)
        return cls(field(sort.removeprefix("-")), sort.startswith("-"))

    @property
    def text(self) -> str:
        """What stands behind ORDER BY."""
        if self.value == "NULL":
            return "id"
        return f"{self.value} IS NULL, {self.value} {'DESC' if self.descending else 'ASC'}, id"

    def behind(self, cursor: Cursor) -> Sql:
        """The condition that a document comes after the cursor's."""
        if self.value == "NULL":
            return Sql("id > ?", (cursor.id,))
        if cursor.value is None:
            return Sql(f"{self.value} IS NULL AND id > ?", (cursor.id,))
        further = "<" if self.descending else ">"
        return Sql(
            f"{self.value} IS NULL OR {self.value} {further} ? OR ({self.value} = ? AND id > ?)",
            (cursor.value, cursor.value, cursor.id),
        )
