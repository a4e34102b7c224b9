"""The recipe's gate section as checks."""

from collections.abc import Sequence
from dataclasses import replace

from synthmill.errors import UserError
from synthmill.recipes.leaves import kinds
from synthmill_flows.gate import columns, samplers, shares
from synthmill_flows.gate.checks import Cell, Check, ShareRow, share_query
from synthmill_flows.gate.layout import Layout, Leaf, plain
from synthmill_schemas import gate as form
from synthmill_schemas.base import JsonObject

_NUMBERS = frozenset({"integer", "number"})


class Declared:
    """Makes checks of expectations; `records` is how many there are, `taken` numbers of share tables in use."""

    def __init__(self, layout: Layout, records: int, taken: Sequence[ShareRow]) -> None:
        self._layout = layout
        self._records = records
        self.shares = list(taken)

    def check(self, expectation: form.Expectation) -> Check:
        """The check, named and weighed as declared."""
        made = self._made(expectation)
        parameters = dict(made.parameters)
        mostly = getattr(expectation, "mostly", 1.0)
        words = made.expects
        if mostly < 1:
            parameters["mostly"] = mostly
            words = f"{words}, in {mostly:.4g} of the records at least"
        return replace(
            made,
            name=expectation.name or made.name,
            expects=words,
            parameters=parameters,
            severity=expectation.severity,
            origin="gate",
        )

    def _made(self, expectation: form.Expectation) -> Check:
        match expectation:
            case form.RangeExpectation(minimum=low, maximum=high):
                leaf = self._leaf(expectation.column)
                name, words = f"{leaf.dotted}.range", f"is {_limits(low, high)}"
                return columns.between(name, words, leaf.name, leaf, _bounds(low, high))
            case form.LengthExpectation(minimum=low, maximum=high):
                return columns.lengths(self._leaf(expectation.column), low, high)
            case form.PatternExpectation(pattern=pattern):
                return columns.pattern(self._leaf(expectation.column), pattern)
            case form.ValuesExpectation(values=values):
                return columns.values(self._leaf(expectation.column), list(values))
            case form.PresentExpectation():
                return columns.present(self._leaf(expectation.column))
            case form.OrderExpectation(after=after):
                return samplers.ordered(self._leaf(expectation.column), self._leaf(after))
            case form.UniqueExpectation(columns=names):
                return self._unique([self._leaf(name) for name in names])
            case _:
                return self._whole(expectation)

    def _whole(self, expectation: form.SharesExpectation | form.MeanExpectation | form.DistinctExpectation) -> Check:
        """What is expected of a column as a whole."""
        match expectation:
            case form.SharesExpectation():
                return self._divided(expectation)
            case form.MeanExpectation(minimum=low, maximum=high):
                leaf = self._leaf(expectation.column)
                parameters = {"column": leaf.name, **_bounds(low, high)}
                words = f"has a mean of {_limits(low, high)}"
                return Check(f"{leaf.dotted}.mean", words, "expect_column_mean_to_be_between", parameters, leaf.dotted)
            case form.DistinctExpectation(minimum=low):
                leaf = self._leaf(expectation.column)
                kind = "expect_column_proportion_of_unique_values_to_be_between"
                words = f"has {low:.4g} distinct values to a record, at least"
                return Check(
                    f"{leaf.dotted}.distinct", words, kind, {"column": leaf.name, "min_value": low}, leaf.dotted
                )

    def _leaf(self, name: str) -> Leaf:
        leaf = self._layout.by_path.get(name)
        if leaf is None:
            raise UserError(f"gate: {name!r} is no column of the table that the gate looks at; name a whole column")
        return leaf

    def _unique(self, leaves: Sequence[Leaf]) -> Check:
        if len(leaves) == 1:
            return columns.unique(leaves[0])
        shown = ", ".join(leaf.dotted for leaf in leaves)
        parameters: JsonObject = {"column_list": [leaf.name for leaf in leaves], "ignore_row_if": "never"}
        kind = "expect_compound_columns_to_be_unique"
        return Check(f"({shown}).unique", f"{shown}: never the same twice", kind, parameters)

    def _divided(self, expectation: form.SharesExpectation) -> Check:
        leaf, number = self._leaf(expectation.column), len(self.shares)
        rows: list[tuple[Cell | None, float]] = [
            (_native(key, leaf), share) for key, share in expectation.shares.items()
        ]
        left = max(0.0, 1 - sum(expectation.shares.values()))
        rows.append((None, left))
        for value, share in rows:
            low, high = shares.declared(share, expectation.tolerance, self._records)
            self.shares.append(ShareRow(number, value, low if value is not None else 0, high))
        shown = ", ".join(f"{key} {share:.4g}" for key, share in list(expectation.shares.items())[:5])
        query = {"unexpected_rows_query": share_query(number, leaf.name)}
        words = f"is divided as {shown}, each within {expectation.tolerance:.4g}"
        return Check(f"{leaf.dotted}.shares", words, "unexpected_rows_expectation", query, leaf.dotted)


def _native(key: str, leaf: Leaf) -> Cell:
    """A share's value as the table has it: its key is text, the column may hold numbers."""
    held = kinds(leaf.schema)
    if held and held <= _NUMBERS:
        try:
            return plain(float(key))
        except ValueError as error:
            raise UserError(f"gate: {leaf.dotted} holds numbers, and {key!r} is none") from error
    return plain(key)


def _bounds(low: float | None, high: float | None) -> JsonObject:
    return {side: bound for side, bound in (("min_value", low), ("max_value", high)) if bound is not None}


def _limits(low: float | None, high: float | None) -> str:
    return " and ".join(
        f"{word} {bound:g}" for word, bound in (("at least", low), ("at most", high)) if bound is not None
    )
