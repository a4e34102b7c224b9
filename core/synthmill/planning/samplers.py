"""One drawing function per kind of sampler.

A value depends on the recipe's seed, the column's name and the slot (an exact quota also on N), never on where
the column stands, so that adding a column changes no other.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import singledispatch
from itertools import accumulate
from statistics import NormalDist

from pydantic import JsonValue

from synthmill.planning import moments
from synthmill.planning.counts import Poisson
from synthmill.planning.draws import Draw, below, draws, fraction, open_fraction
from synthmill.planning.people import person
from synthmill.planning.permutation import Permutation
from synthmill.planning.quota import Blocks, allocate
from synthmill_schemas.recipe import (
    BernoulliSampler,
    CategorySampler,
    DatetimeSampler,
    GaussianSampler,
    PersonSampler,
    PoissonSampler,
    SamplerColumn,
    Scalar,
    SubcategorySampler,
    TimedeltaSampler,
    UniformSampler,
    UuidSampler,
)

Attributes = Mapping[str, JsonValue]
Sample = Callable[[int, Attributes], JsonValue]
"""From a slot, and the attributes made before, to the column's value."""

SIGNIFICANT_DIGITS = 12
"""Of a gaussian without `decimals`: the last digits of a logarithm differ between machines."""


class SampleFailed(ValueError):
    """The value cannot be drawn from these attributes; its message says why."""


def value_key(value: JsonValue) -> str:
    """How a value is written as a key of a subcategory's `values`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def sample(column: SamplerColumn, recipe_seed: int, records: int, earlier: Sequence[int] = ()) -> Sample:
    """The column's drawing function. `records` is N, `earlier` what N was before each extension.

    An exact quota divides each part of the slots by itself, so that those there were keep their values.
    """
    sampler = column.sampler
    if isinstance(sampler, CategorySampler) and sampler.quota == "exact":
        return _quotas(sampler, f"{recipe_seed}\n{column.name}\nquota", [*earlier, records])
    return _of(sampler, draws(recipe_seed, column.name))


@singledispatch
def _of(sampler: object, draw: Draw) -> Sample:
    raise TypeError(f"no such sampler: {type(sampler).__name__}")


def _quotas(sampler: CategorySampler, key: str, ends: Sequence[int]) -> Sample:
    starts = [0, *ends[:-1]]
    keys = [key, *(f"{key}\n{start}" for start in starts[1:])]
    sizes = [end - start for start, end in zip(starts, ends, strict=True)]
    parts = [_quota(sampler, Permutation(size, own), size) for size, own in zip(sizes, keys, strict=True)]

    def value(slot: int, _: Attributes) -> JsonValue:
        part = bisect_right(ends, slot)
        return parts[part](slot - starts[part])

    return value


def _quota(sampler: CategorySampler, permutation: Permutation, records: int) -> Callable[[int], Scalar]:
    values = sampler.values
    blocks = Blocks(allocate(sampler.weights or [1.0] * len(values), records))
    return lambda slot: values[blocks.at(permutation(slot))]


@_of.register
def _category(sampler: CategorySampler, draw: Draw) -> Sample:
    values = sampler.values
    if sampler.weights is None:
        return lambda slot, _: values[below(draw(slot), len(values))]
    ends = list(accumulate(sampler.weights))
    last = len(values) - 1
    return lambda slot, _: values[min(bisect_right(ends, fraction(draw(slot)) * ends[-1]), last)]


@_of.register
def _subcategory(sampler: SubcategorySampler, draw: Draw) -> Sample:
    def value(slot: int, attributes: Attributes) -> JsonValue:
        parent = value_key(attributes[sampler.of])
        choices: list[Scalar] | None = sampler.values.get(parent)
        if choices is None:
            raise SampleFailed(f"there are no values for {sampler.of} = {parent!r}")
        return choices[below(draw(slot), len(choices))]

    return value


@_of.register
def _uniform(sampler: UniformSampler, draw: Draw) -> Sample:
    low, high = sampler.low, sampler.high
    if sampler.decimals is None:
        return lambda slot, _: min(max(_between(low, high, fraction(draw(slot))), low), high)
    first, last = whole_steps(low, high, sampler.decimals)
    decimals = sampler.decimals
    return lambda slot, _: _scaled(first + below(draw(slot), last - first + 1), decimals)


def _between(low: float, high: float, share: float) -> float:
    return low * (1.0 - share) + high * share


def whole_steps(low: float, high: float, decimals: int) -> tuple[int, int]:
    """The first and last multiple of 10**-decimals in [low, high], counted in such steps; empty if first > last."""
    first = Decimal(repr(low)).scaleb(decimals).to_integral_value(ROUND_CEILING)
    last = Decimal(repr(high)).scaleb(decimals).to_integral_value(ROUND_FLOOR)
    return int(first), int(last)


def _scaled(steps: int, decimals: int) -> int | float:
    return steps if decimals == 0 else steps / 10**decimals


@_of.register
def _gaussian(sampler: GaussianSampler, draw: Draw) -> Sample:
    distribution = NormalDist()
    low, high = _bounds(sampler)

    def value(slot: int, _: Attributes) -> JsonValue:
        drawn = sampler.mean + sampler.stddev * distribution.inv_cdf(open_fraction(draw(slot)))
        return min(max(_rounded(drawn, sampler.decimals), low), high)

    return value


def _bounds(sampler: GaussianSampler) -> tuple[float, float]:
    """What may come out at the ends: with `decimals` the nearest fitting values inside."""
    low, high, decimals = sampler.low, sampler.high, sampler.decimals
    if low is not None and decimals is not None:
        low = _scaled(whole_steps(low, low, decimals)[0], decimals)
    if high is not None and decimals is not None:
        high = _scaled(whole_steps(high, high, decimals)[1], decimals)
    return (float("-inf") if low is None else low), (float("inf") if high is None else high)


def _rounded(value: float, decimals: int | None) -> int | float:
    if decimals is None:
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    return round(value) if decimals == 0 else round(value, decimals) + 0.0  # -0.0 becomes 0.0


@_of.register
def _poisson(sampler: PoissonSampler, draw: Draw) -> Sample:
    counts = Poisson(sampler.mean)
    return lambda slot, _: counts.at(fraction(draw(slot)))


@_of.register
def _bernoulli(sampler: BernoulliSampler, draw: Draw) -> Sample:
    return lambda slot, _: fraction(draw(slot)) < sampler.p


@_of.register
def _datetime(sampler: DatetimeSampler, draw: Draw) -> Sample:
    start, count = moments.grid(moments.zoned(sampler.start), moments.zoned(sampler.end), sampler.unit)
    step = moments.STEP[sampler.unit]
    return lambda slot, _: moments.written(start + below(draw(slot), count) * step)


@_of.register
def _timedelta(sampler: TimedeltaSampler, draw: Draw) -> Sample:
    step = moments.STEP[sampler.unit]
    count = sampler.high - sampler.low + 1

    def value(slot: int, attributes: Attributes) -> JsonValue:
        start = moments.read(str(attributes[sampler.after]))
        return moments.written(start + (sampler.low + below(draw(slot), count)) * step)

    return value


@_of.register
def _uuid(sampler: UuidSampler, draw: Draw) -> Sample:
    del sampler
    return lambda slot, _: uuid_text(draw(slot))


def uuid_text(bits: int) -> str:
    """128 bits as a version 4 UUID, variant 1."""
    text = f"{(bits & ~(0xF << 76) | 4 << 76) & ~(3 << 62) | 2 << 62:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@_of.register
def _person(sampler: PersonSampler, draw: Draw) -> Sample:
    return lambda slot, _: person(sampler, draw(slot))
