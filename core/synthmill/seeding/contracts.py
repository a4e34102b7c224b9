"""What a recipe demands of the columns it reads, checked a chunk of rows at a time with pandera over polars.

A row that breaks a rule becomes a bad row with field, value and rule; a good row gets values of the declared types.
This module alone knows pandera and polars, and imports them when the first declared field is checked (0.5 s).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING

from synthmill.errors import InputUnusable
from synthmill.inputs.extract.rows import BadRow, Row, cut
from synthmill.seeding.coercion import Unfit, coerce
from synthmill_schemas.ids import canonical_json
from synthmill_schemas.recipe import FieldContract, ValueType

if TYPE_CHECKING:
    import pandera.polars as pa
    import polars as pl

_SHOWN_CHARACTERS = 80
_SHOWN_FAULTS = 5
_NAMES_SHOWN = 30

Faults = dict[int, list[str]]
"""Position of a row in its chunk to what is wrong with it."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """A check and its words."""

    check: "pa.Check"
    broken: str


def require_columns(needed: Iterable[str], available: Sequence[str]) -> None:
    """Raises `InputUnusable` when a source lacks columns, with those that it has and the likely typing mistakes."""
    missing = [name for name in needed if name not in available]
    if not missing:
        return
    told = ", ".join(_with_hint(name, available) for name in missing)
    shown = ", ".join(available[:_NAMES_SHOWN]) + (", …" if len(available) > _NAMES_SHOWN else "")
    raise InputUnusable(f"no column {told}; there are: {shown or 'none'}")


def _with_hint(name: str, available: Sequence[str]) -> str:
    by_lower = {other.lower(): other for other in available}
    close = get_close_matches(name.lower(), by_lower, n=1)
    return f"{name!r} (did you mean {by_lower[close[0]]!r}?)" if close else repr(name)


@dataclass
class RowContract:
    """The rules for one source. `needed`: columns without a contract that must be there; `is_text`: as in CSV."""

    fields: Mapping[str, FieldContract]
    needed: Sequence[str] = ()
    is_text: bool = False
    _rules: dict[str, list[_Rule]] = field(default_factory=dict)

    def check(self, rows: Sequence[Row]) -> list[Row | BadRow]:
        """Judges a chunk of rows, in their order."""
        faults: Faults = {}
        self._check_presence(rows, faults)
        typed = self._typed(rows, faults) if self.fields else {}
        return [_verdict(row, faults.get(at), {name: typed[name][at] for name in typed}) for at, row in enumerate(rows)]

    def _check_presence(self, rows: Sequence[Row], faults: Faults) -> None:
        for name in self.needed:
            for at, row in enumerate(rows):
                if row.data.get(name) is None:
                    faults.setdefault(at, []).append(f"{name} is missing")

    def _typed(self, rows: Sequence[Row], faults: Faults) -> dict[str, list[object]]:
        """Values by field in the order of `rows`; where one is at fault it is None."""
        typed: dict[str, list[object]] = {}
        unfit: set[tuple[str, int]] = set()
        for name, contract in self.fields.items():
            typed[name] = column = []
            for at, row in enumerate(rows):
                value = row.data.get(name)
                try:
                    column.append(None if self._is_missing(value, contract) else self._coerce(value, contract))
                except Unfit as error:
                    column.append(None)
                    unfit.add((name, at))
                    faults.setdefault(at, []).append(f"{name}: {_shown(value)} {error}")
        for name, at, broken in self._broken_rules(typed):
            if (name, at) not in unfit:
                faults.setdefault(at, []).append(_told(name, rows[at].data.get(name), broken))
        return typed

    def _is_missing(self, value: object, contract: FieldContract) -> bool:
        """An empty cell of a CSV is no value, not even an empty text."""
        if self.is_text and isinstance(value, str):
            return not (value if contract.type is ValueType.STRING else value.strip())
        return value is None

    def _coerce(self, value: object, contract: FieldContract) -> object:
        return coerce(value, contract.type, is_text=self.is_text)

    def _broken_rules(self, typed: Mapping[str, Sequence[object]]) -> list[tuple[str, int, str | None]]:
        """Field, position and the words of each broken rule; None: a required value is missing."""
        import pandera.polars as pa
        import polars as pl

        kinds = {name: _dtype(contract.type) for name, contract in self.fields.items()}
        frame = pl.DataFrame(
            [
                pl.Series(name, [_framed(v, self.fields[name].type) for v in values], kinds[name])
                for name, values in typed.items()
            ]
        )
        try:
            self._schema.validate(frame, lazy=True)
        except pa.errors.SchemaErrors as errors:
            cases = errors.failure_cases.select("column", "check_number", "index").rows()
            return [(name, at, None if rule is None else self._rules[name][rule].broken) for name, rule, at in cases]
        return []

    @cached_property
    def _schema(self) -> "pa.DataFrameSchema":
        import pandera.polars as pa

        columns = {}
        for name, contract in self.fields.items():
            self._rules[name] = _rules(name, contract)
            checks = [rule.check for rule in self._rules[name]]
            columns[name] = pa.Column(_dtype(contract.type), checks, nullable=not contract.required)
        return pa.DataFrameSchema(columns)


def _rules(name: str, contract: FieldContract) -> list[_Rule]:
    import pandera.polars as pa

    rules: list[_Rule] = []
    if contract.minimum is not None:
        rules.append(_Rule(pa.Check.ge(contract.minimum), f"is below minimum {contract.minimum:g}"))
    if contract.maximum is not None:
        rules.append(_Rule(pa.Check.le(contract.maximum), f"is above maximum {contract.maximum:g}"))
    if contract.pattern is not None:
        _check_pattern(name, contract.pattern)
        rules.append(_Rule(pa.Check.str_contains(contract.pattern), f"does not match {contract.pattern}"))
    if contract.values is not None:
        values = [_framed(value, contract.type) for value in contract.values]
        told = ", ".join(map(str, contract.values[:_SHOWN_FAULTS])) + (", …" if len(values) > _SHOWN_FAULTS else "")
        rules.append(_Rule(pa.Check.isin(values), f"is none of {told}"))
    return rules


def _check_pattern(name: str, pattern: str) -> None:
    """The engine takes linear time on any text; for that it has no look-around and no references."""
    import polars as pl

    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        raise InputUnusable(f"input.fields.{name}.pattern: look-around and references do not work here") from error


def _dtype(type_: ValueType) -> "type[pl.DataType]":
    import polars as pl

    match type_:
        case ValueType.INTEGER:
            return pl.Int64
        case ValueType.NUMBER:
            return pl.Float64
        case ValueType.BOOLEAN:
            return pl.Boolean
        case ValueType.STRING | ValueType.JSON:
            return pl.String


def _framed(value: object, type_: ValueType) -> object:
    """The value as it stands in the frame: a number as float, any JSON as its text."""
    if value is None:
        return None
    if type_ is ValueType.NUMBER:
        return float(value) if isinstance(value, int | float) else value
    return canonical_json(value) if type_ is ValueType.JSON else value


def _verdict(row: Row, faults: list[str] | None, typed: Mapping[str, object]) -> Row | BadRow:
    if faults is None:
        return replace(row, data={**row.data, **typed}) if typed else row
    told = "; ".join(faults[:_SHOWN_FAULTS]) + (
        f"; and {len(faults) - _SHOWN_FAULTS} more" * (len(faults) > _SHOWN_FAULTS)
    )
    return BadRow(row.number, told, cut(row.data), row.line)


def _told(name: str, value: object, broken: str | None) -> str:
    return f"{name} is missing" if broken is None else f"{name}: {_shown(value)} {broken}"


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else canonical_json(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
