"""What a column's sampler promises beyond the schema: long lists of values, shares, order, form."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from synthmill.planning import moments
from synthmill.planning.quota import allocate
from synthmill.planning.samplers import value_key
from synthmill.recipes.record_schema import MAX_ENUM
from synthmill_flows.gate import columns, shares
from synthmill_flows.gate.checks import Check, PairRow, ShareRow, pair_query, period_query, share_query
from synthmill_flows.gate.layout import RECORD_ID, Layout, Leaf, plain
from synthmill_schemas.recipe import (
    BernoulliSampler,
    CategorySampler,
    DatetimeSampler,
    FieldContract,
    Recipe,
    SamplerColumn,
    Scalar,
    SourceColumn,
    SubcategorySampler,
    TimedeltaSampler,
    UuidSampler,
)

_MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"


@dataclass(slots=True)
class Promises:
    """Collects the checks of a recipe's samplers. `records` are there of `requested`; the rest may be any."""

    recipe: Recipe
    layout: Layout
    requested: int
    records: int
    shares: list[ShareRow] = field(default_factory=list)
    pairs: list[PairRow] = field(default_factory=list)

    def of(self, leaf: Leaf) -> Iterator[Check]:
        """What the sampler or the input's contract of this leaf's column adds."""
        column = next(column for column in self.recipe.columns if column.name == leaf.path[0])
        if len(leaf.path) > 1:
            return
        match column:
            case SamplerColumn():
                yield from self._sampler(column, leaf)
            case SourceColumn():
                contract = self.recipe.input.fields.get(column.field or column.name, FieldContract())
                if contract.pattern is not None:
                    yield columns.pattern(leaf, contract.pattern)
                if contract.values is not None:
                    yield from _long_list(leaf, list(contract.values))

    def _sampler(self, column: SamplerColumn, leaf: Leaf) -> Iterator[Check]:
        match column.sampler:
            case CategorySampler() as sampler:
                yield from _long_list(leaf, sampler.values)
                yield self._divided(leaf, sampler)
            case SubcategorySampler() as sampler:
                yield from _long_list(leaf, [value for listed in sampler.values.values() for value in listed])
                yield from self._paired(leaf, sampler)
            case BernoulliSampler(p=p):
                bounds = [shares.drawn(share, self.requested) for share in (p, 1 - p)]
                yield self._share(
                    leaf,
                    list(zip((True, False), bounds, strict=True)),
                    "is true as often as it was drawn, as far as chance allows",
                )
            case DatetimeSampler() as sampler:
                yield columns.pattern(leaf, _MOMENT, "is a moment")
                yield _period(leaf, sampler)
            case TimedeltaSampler(after=after):
                yield columns.pattern(leaf, _MOMENT, "is a moment")
                yield from self._after(leaf, after)
            case UuidSampler():
                yield columns.pattern(leaf, _UUID, "is a UUID of version 4")
                yield columns.unique(leaf)

    def _divided(self, leaf: Leaf, sampler: CategorySampler) -> Check:
        weights = sampler.weights or [1.0] * len(sampler.values)
        if sampler.quota == "exact":
            bounds = [(count, count) for count in allocate(weights, self.requested)]
            words = "is divided exactly as the quota says"
        else:
            total = sum(weights)
            bounds = [shares.drawn(weight / total, self.requested) for weight in weights]
            words = "is divided as its weights say, as far as chance allows"
        return self._share(leaf, list(zip(sampler.values, bounds, strict=True)), words)

    def _share(self, leaf: Leaf, bounds: list[tuple[Scalar, tuple[int, int]]], words: str) -> Check:
        number = len(self.shares)  # of no other check: each adds at least one row
        absent = self.requested - self.records
        rows = [ShareRow(number, plain(value), max(0, low - absent), high) for value, (low, high) in bounds]
        self.shares += rows
        query = {"unexpected_rows_query": share_query(number, leaf.name)}
        return Check(f"{leaf.dotted}.shares", words, "unexpected_rows_expectation", query, leaf.dotted)

    def _paired(self, leaf: Leaf, sampler: SubcategorySampler) -> Iterator[Check]:
        parent = self.layout.by_path.get(sampler.of)
        if parent is None:
            return
        number = len(self.pairs)
        natives = {value_key(value): plain(value) for value in self._values_of(sampler.of)}
        for key, listed in sampler.values.items():
            first = natives.get(key, key)
            self.pairs += [PairRow(number, first, plain(value)) for value in listed]
        query = {"unexpected_rows_query": pair_query(number, parent.name, leaf.name, RECORD_ID)}
        words = f"belongs to the record's {sampler.of}"
        yield Check(f"{leaf.dotted}.pairs", words, "unexpected_rows_expectation", query, leaf.dotted)

    def _values_of(self, name: str) -> list[Scalar]:
        column = next(column for column in self.recipe.columns if column.name == name)
        match column:
            case SamplerColumn(sampler=CategorySampler(values=values)):
                return list(values)
            case SamplerColumn(sampler=SubcategorySampler(values=lists)):
                return [value for values in lists.values() for value in values]
            case SourceColumn(field=field_name):
                contract = self.recipe.input.fields.get(field_name or name)
                return list(contract.values or []) if contract is not None else []
            case _:
                return []

    def _after(self, leaf: Leaf, after: str) -> Iterator[Check]:
        earlier = self.layout.by_path.get(after)
        if earlier is not None:
            yield ordered(leaf, earlier)


def ordered(leaf: Leaf, earlier: Leaf) -> Check:
    """Never before, or less than, the other column of the same record."""
    return Check(
        f"{leaf.dotted}.order",
        f"is never before {earlier.dotted}",
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": leaf.name, "column_B": earlier.name, "or_equal": True, "ignore_row_if": "either_value_is_missing"},
        leaf.dotted,
    )


def _period(leaf: Leaf, sampler: DatetimeSampler) -> Check:
    """All draws of a column have the same zone, so that their texts sort as the moments do."""
    start, count = moments.grid(moments.zoned(sampler.start), moments.zoned(sampler.end), sampler.unit)
    first, last = moments.written(start), moments.written(start + (count - 1) * moments.STEP[sampler.unit])
    query = {"unexpected_rows_query": period_query(leaf.name, RECORD_ID, first, last)}
    words = f"is from {first} to {last}"
    return Check(f"{leaf.dotted}.range", words, "unexpected_rows_expectation", query, leaf.dotted)


def _long_list(leaf: Leaf, allowed: list[Scalar]) -> Iterator[Check]:
    if len(allowed) > MAX_ENUM:  # shorter ones stand in the schema
        yield columns.values(leaf, list(allowed))
