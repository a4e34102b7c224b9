"""A check as plain data: made from the recipe, read by the engine, told in the report."""

from dataclasses import dataclass
from typing import Literal

from synthmill_schemas.base import JsonObject
from synthmill_schemas.gate import Severity

Cell = str | int | float
"""What SQLite holds of a value."""

TABLE = "records"


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation. `type` and `parameters` are those of Great Expectations, columns by their names in the table."""

    name: str
    expects: str
    type: str
    parameters: JsonObject
    column: str | None = None
    severity: Severity = Severity.BLOCK
    origin: Literal["recipe", "gate"] = "recipe"


@dataclass(frozen=True, slots=True)
class ShareRow:
    """How many records may hold a value; `value` None: all values that no other row of this number names."""

    number: int
    value: Cell | None
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class PairRow:
    """Two values that may stand in one record."""

    number: int
    first: Cell
    second: Cell


@dataclass(frozen=True, slots=True)
class ValueRow:
    """A value that a column may hold, of a list too long to stand in a query."""

    number: int
    value: Cell


@dataclass(slots=True)
class Suite:
    """All checks of a job, with the tables that some of them look into."""

    checks: list[Check]
    shares: list[ShareRow]
    pairs: list[PairRow]
    values: list[ValueRow]


def quoted(name: str) -> str:
    """A column's name inside SQL; the layout leaves nothing in names that could end it."""
    return f'"{name}"'


def share_query(number: int, column: str) -> str:
    """Rows of the share table whose value too few or too many records hold."""
    return (
        f"SELECT COALESCE(w.value, '(others)') AS value, COALESCE(SUM(f.n), 0) AS records, w.low AS least, "
        f"w.high AS most FROM gate_shares w LEFT JOIN ("
        f"SELECT (SELECT s.id FROM gate_shares s WHERE s.number = {number} AND s.value = g.value) AS id, g.n AS n "
        f"FROM (SELECT {quoted(column)} AS value, COUNT(*) AS n FROM {{batch}} WHERE {quoted(column)} IS NOT NULL "
        f"GROUP BY 1) g) f ON f.id = w.id OR (f.id IS NULL AND w.value IS NULL) "
        f"WHERE w.number = {number} GROUP BY w.id HAVING COALESCE(SUM(f.n), 0) NOT BETWEEN w.low AND w.high"
    )


def pair_query(number: int, first: str, second: str, record_id: str) -> str:
    """Records whose two values do not belong together."""
    return (
        f"SELECT {quoted(record_id)} AS record_id, {quoted(first)} AS first, {quoted(second)} AS second FROM {{batch}} "
        f"WHERE NOT EXISTS (SELECT 1 FROM gate_pairs p WHERE p.number = {number} AND p.first = {quoted(first)} "
        f"AND p.second = {quoted(second)})"
    )


def value_query(number: int, column: str, record_id: str) -> str:
    """Records whose value is none of the list."""
    return (
        f"SELECT {quoted(record_id)} AS record_id, {quoted(column)} AS value FROM {{batch}} "
        f"WHERE {quoted(column)} IS NOT NULL AND NOT EXISTS ("
        f"SELECT 1 FROM gate_values v WHERE v.number = {number} AND v.value = {quoted(column)})"
    )


def period_query(column: str, record_id: str, first: str, last: str) -> str:
    """Records whose moment is not between two others, all written alike; the engine itself would rewrite the bounds."""
    return (
        f"SELECT {quoted(record_id)} AS record_id, {quoted(column)} AS value FROM {{batch}} "
        f"WHERE {quoted(column)} NOT BETWEEN '{first}' AND '{last}'"
    )
