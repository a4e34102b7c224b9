"""The recipe's `gate` section: what the finished records must be beyond what the columns already say.

The columns themselves give most of the gate: types, ranges, lists of values, uniqueness and shares need not be
repeated here.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from synthmill_schemas.base import Contract

Bound = Annotated[float, Field(allow_inf_nan=False)]
Value = str | int | float | bool
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
ColumnPath = Annotated[str, Field(min_length=1, max_length=200)]

_PATH = "a column of the record, or column.property of an object"


class Severity(StrEnum):
    """What a broken expectation does to the release."""

    BLOCK = "block"
    WARN = "warn"


class _Expectation(Contract):
    severity: Severity = Severity.BLOCK
    name: str | None = Field(None, min_length=1, max_length=100, description="in the report; default: made of the rest")


class _OfColumn(_Expectation):
    column: ColumnPath = Field(description=_PATH)


class _OfEachRecord(_OfColumn):
    mostly: Share = Field(1.0, description="share of the records that must comply; a null complies")


class RangeExpectation(_OfEachRecord):
    """Numbers between two bounds, both included."""

    expect: Literal["range"]
    minimum: Bound | None = None
    maximum: Bound | None = None


class LengthExpectation(_OfEachRecord):
    """Texts of so many characters, lists of so many items."""

    expect: Literal["length"]
    minimum: int | None = Field(None, ge=0)
    maximum: int | None = Field(None, ge=0)


class PatternExpectation(_OfEachRecord):
    """Texts in which the regular expression is found; ^ and $ hold it to the whole text."""

    expect: Literal["pattern"]
    pattern: str = Field(min_length=1, max_length=1_000)


class ValuesExpectation(_OfEachRecord):
    """Nothing but these values."""

    expect: Literal["values"]
    values: list[Value] = Field(min_length=1, max_length=10_000)


class PresentExpectation(_OfEachRecord):
    """No nulls; with `mostly` this share is not null."""

    expect: Literal["present"]


class OrderExpectation(_OfEachRecord):
    """Never less, earlier or alphabetically before another column's value in the same record."""

    expect: Literal["order"]
    after: ColumnPath = Field(description=_PATH)


class UniqueExpectation(_Expectation):
    """No two records with the same values in all these columns."""

    expect: Literal["unique"]
    columns: list[ColumnPath] = Field(min_length=1, max_length=20)


class SharesExpectation(_OfColumn):
    """How the records are divided among values; a value that is not named may take what is left of 1."""

    expect: Literal["shares"]
    shares: dict[str, Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]] = Field(
        min_length=1, max_length=1_000, description="value, written as text, to its share of the records"
    )
    tolerance: float = Field(0.02, ge=0, lt=1, description="how far each share may be off, e.g. 0.02 for two per cent")


class MeanExpectation(_OfColumn):
    """The mean of a column of numbers between two bounds, both included."""

    expect: Literal["mean"]
    minimum: Bound | None = None
    maximum: Bound | None = None


class DistinctExpectation(_OfColumn):
    """At least this share of the column's values differ from each other."""

    expect: Literal["distinct"]
    minimum: Share = Field(description="1: all differ")


Expectation = Annotated[
    RangeExpectation
    | LengthExpectation
    | PatternExpectation
    | ValuesExpectation
    | PresentExpectation
    | OrderExpectation
    | UniqueExpectation
    | SharesExpectation
    | MeanExpectation
    | DistinctExpectation,
    Field(discriminator="expect"),
]


class Gate(Contract):
    """Declaring it, even empty, lets the gate run in the embedded profile as well."""

    min_share: Share | None = Field(None, description="share of N that must be there; default: all that are not parked")
    expectations: list[Expectation] = Field(default_factory=list, max_length=200)
