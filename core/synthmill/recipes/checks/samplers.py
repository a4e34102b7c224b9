"""Samplers that could not draw."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import singledispatch

from synthmill.planning import moments
from synthmill.planning.samplers import value_key, whole_steps
from synthmill.recipes.draft import Draft, Entry
from synthmill.recipes.errors import Found, Path
from synthmill.recipes.plain_words import suggestion
from synthmill_schemas.recipe import (
    CategorySampler,
    DatetimeSampler,
    GaussianSampler,
    PersonSampler,
    SamplerColumn,
    Scalar,
    SourceColumn,
    SubcategorySampler,
    TimedeltaSampler,
    UniformSampler,
)

MAX_WHOLE = float(1 << 53)
"""Whole numbers beyond it have gaps as floats, and soon do not fit in 64 bits."""

_LAST_MOMENT = datetime(9999, 12, 31, tzinfo=UTC)


def faults(draft: Draft) -> Iterator[Found]:
    """Faults of every readable sampler."""
    for entry in draft.entries:
        if isinstance(entry.column, SamplerColumn):
            yield from _of(entry.column.sampler, ("columns", entry.index, "sampler"), draft)


@singledispatch
def _of(sampler: object, path: Path, draft: Draft) -> Iterator[Found]:
    """Samplers that form alone can judge have no rule here."""
    del sampler, path, draft
    yield from ()


def repeated(values: Sequence[Scalar], path: Path) -> Iterator[Found]:
    """A value given twice; 1 and 1.0 are one value, 1 and true are two."""
    seen: set[tuple[bool, Scalar]] = set()
    for position, value in enumerate(values):
        key = (isinstance(value, bool), value)
        if key in seen:
            yield Found(
                (*path, position), f"{value!r} is given twice", "Keep one; use weights to make it more frequent."
            )
        seen.add(key)


@_of.register
def _category(sampler: CategorySampler, path: Path, draft: Draft) -> Iterator[Found]:
    del draft
    yield from repeated(sampler.values, (*path, "values"))
    if sampler.weights is not None and len(sampler.weights) != len(sampler.values):
        message = f"{len(sampler.weights)} weights for {len(sampler.values)} values"
        yield Found((*path, "weights"), message, "Give one weight per value, in the same order.")


@_of.register
def _subcategory(sampler: SubcategorySampler, path: Path, draft: Draft) -> Iterator[Found]:
    for key, values in sampler.values.items():
        yield from repeated(values, (*path, "values", key))
        if not values:
            yield Found((*path, "values", key), f"no value for {key!r}", "Give at least one.")
    parent = draft.by_name.get(sampler.of)
    if parent is None or parent.column is None:
        return
    expected = _parent_values(parent, draft)
    if expected is None:
        hint = "Name a category or subcategory column, or a source column whose field lists its values."
        yield Found((*path, "of"), f"{sampler.of!r} has no fixed list of values", hint)
        return
    keys = list(dict.fromkeys(value_key(value) for value in expected))
    yield from _key_faults(sampler, keys, path)


def _key_faults(sampler: SubcategorySampler, keys: list[str], path: Path) -> Iterator[Found]:
    missing = [key for key in keys if key not in sampler.values]
    if missing:
        names = ", ".join(repr(key) for key in missing[:5]) + (" ..." if len(missing) > 5 else "")
        yield Found((*path, "values"), f"no list for {names} of {sampler.of!r}", "Add a list for each value.")
    for key in sampler.values:
        if key not in keys:
            yield Found((*path, "values", key), f"{sampler.of!r} has no value {key!r}", suggestion(key, keys))


def _parent_values(entry: Entry, draft: Draft) -> list[Scalar] | None:
    match entry.column:
        case SamplerColumn(sampler=CategorySampler(values=values)):
            return list(values)
        case SamplerColumn(sampler=SubcategorySampler(values=lists)):
            return [value for values in lists.values() for value in values]
        case SourceColumn(name=name, field=field):
            contract = draft.recipe.input.fields.get(field or name)
            return list(contract.values) if contract and contract.values and contract.required else None
        case _:
            return None


@_of.register
def _uniform(sampler: UniformSampler, path: Path, draft: Draft) -> Iterator[Found]:
    del draft
    if sampler.low > sampler.high:
        yield Found((*path, "low"), f"low, {sampler.low}, is above high, {sampler.high}", "Swap the two.")
    else:
        yield from _decimals_faults(sampler.low, sampler.high, sampler.decimals, path)


@_of.register
def _gaussian(sampler: GaussianSampler, path: Path, draft: Draft) -> Iterator[Found]:
    del draft
    low, high = sampler.low, sampler.high
    if low is not None and high is not None and low > high:
        yield Found((*path, "low"), f"low, {low}, is above high, {high}", "Swap the two.")
    elif low is not None and high is not None:
        yield from _decimals_faults(low, high, sampler.decimals, path)
    if sampler.decimals == 0 and abs(sampler.mean) + 40 * sampler.stddev > MAX_WHOLE:
        yield Found((*path, "mean"), "whole numbers of this size are not exact", "Leave decimals out.")


def _decimals_faults(low: float, high: float, decimals: int | None, path: Path) -> Iterator[Found]:
    if decimals is None:
        return
    first, last = whole_steps(low, high, decimals)
    if first > last:
        message = f"no number with {decimals} decimals lies between {low} and {high}"
        yield Found((*path, "decimals"), message, "Allow more decimals or widen the range.")
    elif decimals == 0 and max(abs(low), abs(high)) > MAX_WHOLE:
        yield Found((*path, "decimals"), "whole numbers of this size are not exact", "Leave decimals out.")


@_of.register
def _datetime(sampler: DatetimeSampler, path: Path, draft: Draft) -> Iterator[Found]:
    del draft
    start, end = moments.zoned(sampler.start), moments.zoned(sampler.end)
    if start >= end:
        yield Found((*path, "start"), "start is not before end", "Swap the two, or move end (it is not included).")
    elif _grid_size(start, end, sampler.unit) < 1:
        message = f"no whole {sampler.unit} lies between start and end"
        yield Found((*path, "unit"), message, "Use a smaller unit or widen the range.")


def _grid_size(start: datetime, end: datetime, unit: moments.Unit) -> int:
    try:
        return moments.grid(start, end, unit)[1]
    except OverflowError:
        return 0


@_of.register
def _timedelta(sampler: TimedeltaSampler, path: Path, draft: Draft) -> Iterator[Found]:
    if sampler.low > sampler.high:
        yield Found((*path, "low"), f"low, {sampler.low}, is above high, {sampler.high}", "Swap the two.")
    entry = draft.by_name.get(sampler.after)
    if entry is None or entry.column is None:
        return
    if not _is_moment(entry):
        hint = "Name a column with a datetime or timedelta sampler."
        yield Found((*path, "after"), f"{sampler.after!r} is not a moment", hint)
    elif not _fits(sampler, draft.by_name):
        hint = "Lower high, or move the earlier column's end."
        yield Found((*path, "high"), "it would pass the year 9999", hint)


def _is_moment(entry: Entry) -> bool:
    return isinstance(entry.column, SamplerColumn) and isinstance(
        entry.column.sampler, DatetimeSampler | TimedeltaSampler
    )


def _fits(sampler: TimedeltaSampler, known: Mapping[str, Entry]) -> bool:
    """Whether the latest moment is in the calendar; a cycle or a wrong column is for other checks to report."""
    seconds = sampler.high * moments.SECONDS[sampler.unit]
    entry = known.get(sampler.after)
    for _ in known:
        match entry:
            case Entry(column=SamplerColumn(sampler=DatetimeSampler(end=end))):
                return seconds <= (_LAST_MOMENT - moments.zoned(end)).total_seconds()
            case Entry(column=SamplerColumn(sampler=TimedeltaSampler(after=after, high=high, unit=unit))):
                seconds += high * moments.SECONDS[unit]
                entry = known.get(after)
            case _:
                return True
    return True


@_of.register
def _person(sampler: PersonSampler, path: Path, draft: Draft) -> Iterator[Found]:
    del draft
    from synthmill.planning.people import locales

    if sampler.min_age > sampler.max_age:
        yield Found((*path, "min_age"), f"min_age is above max_age, {sampler.max_age}", "Swap the two.")
    if sampler.locale not in locales():
        yield Found(
            (*path, "locale"),
            f"there are no people of locale {sampler.locale!r}",
            suggestion(sampler.locale, locales()),
        )
