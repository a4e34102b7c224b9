"""Expectations of the gate section that nothing could meet, or that name what the record does not have."""

from collections.abc import Callable, Iterator
from functools import partial

from synthmill.recipes.checks.columns import why_not_linear
from synthmill.recipes.draft import Draft, Entry
from synthmill.recipes.errors import Found, Path
from synthmill.recipes.leaves import kind, kinds, leaves
from synthmill.recipes.plain_words import suggestion
from synthmill.recipes.record_schema import TEXT, record_schema
from synthmill.recipes.schemas import prepare_schema, runs_in_linear_time
from synthmill_schemas import gate as form
from synthmill_schemas.base import JsonObject
from synthmill_schemas.recipe import LlmColumn

_NUMBERS = frozenset({"integer", "number"})
_MEASURED = frozenset({"string", "array"})
_PLAIN = _NUMBERS | {"string", "boolean"}
_WHOLE = _PLAIN | {"array"}

Bounded = form.RangeExpectation | form.LengthExpectation | form.MeanExpectation


def faults(draft: Draft) -> Iterator[Found]:
    """Faults of every expectation, each with its place."""
    if draft.recipe.gate is None or draft.broken & {"gate", "columns"}:
        return
    seen: set[str] = set()
    for position, expectation in enumerate(draft.recipe.gate.expectations):
        path: Path = ("gate", "expectations", position)
        yield from _of(expectation, path, partial(_Named, draft, path))
        if expectation.name in seen:
            yield Found((*path, "name"), f"{expectation.name!r} is the name of another", "Give each its own name.")
        if expectation.name is not None:
            seen.add(expectation.name)


def _of(expectation: form.Expectation, path: Path, named: Callable[[str], "_Named"]) -> Iterator[Found]:
    match expectation:
        case form.RangeExpectation() | form.MeanExpectation():
            yield from named(expectation.column).must_be(_NUMBERS, "numbers")
            yield from _bound_faults(expectation, path)
        case form.LengthExpectation():
            yield from named(expectation.column).must_be(_MEASURED, "text or lists")
            yield from _bound_faults(expectation, path)
        case form.PatternExpectation():
            yield from named(expectation.column).must_be(frozenset({"string"}), "text")
            yield from _pattern_faults(expectation.pattern, path)
        case form.ValuesExpectation():
            yield from _value_faults(expectation, path, named(expectation.column))
        case form.SharesExpectation():
            yield from named(expectation.column).must_be(_PLAIN, "plain values")
            yield from _share_faults(expectation, path)
        case form.OrderExpectation():
            yield from named(expectation.column).must_be(_PLAIN, "plain values")
            yield from named(expectation.after).must_be(_PLAIN, "plain values", "after")
        case form.UniqueExpectation():
            for position, name in enumerate(expectation.columns):
                yield from named(name).must_be(_WHOLE, "plain values or lists", "columns", position)
        case form.PresentExpectation() | form.DistinctExpectation():
            yield from named(expectation.column).must_be(_WHOLE, "plain values or lists")


class _Named:
    """What an expectation calls a column, and what there is of that name."""

    def __init__(self, draft: Draft, path: Path, name: str) -> None:
        self._draft = draft
        self._name = name
        self._path = path
        self._column = name.split(".")[0]

    def must_be(self, wanted: frozenset[str], words: str, *field: str | int) -> Iterator[Found]:
        """Faults of the name, and of a type that never is one of those wanted."""
        path = (*self._path, *(field or ("column",)))
        entry = self._draft.by_name.get(self._column)
        if entry is None:
            known = [name for name, each in self._draft.by_name.items() if each.column is None or not each.column.drop]
            yield Found(path, f"there is no column {self._column!r}", suggestion(self._column, known))
        elif entry.column is not None and entry.column.drop:
            yield Found(path, f"{self._column!r} is dropped, it is not part of the record", "Keep it, or remove this.")
        elif (found := self._leaves(entry)) is not None:
            yield from self._inside_faults(found, wanted, words, path)

    def kinds(self) -> frozenset[str]:
        """The JSON types that its values may have; empty: unknown."""
        entry = self._draft.by_name.get(self._column)
        found = self._leaves(entry) if entry is not None else None
        return kinds((found or {}).get(self._name, {}))

    def _inside_faults(
        self, found: dict[str, JsonObject], wanted: frozenset[str], words: str, path: Path
    ) -> Iterator[Found]:
        leaf = found.get(self._name)
        if leaf is None:
            hint = suggestion(self._name, list(found)) if found.keys() != {self._column} else "Name the column itself."
            yield Found(path, f"{self._name!r} is no plain part of the record", hint)
        elif kinds(leaf) and not kinds(leaf) & wanted:
            hint = "Name another column, or expect something else of this one."
            yield Found(path, f"{self._name!r} holds {', '.join(sorted(kinds(leaf)))}, not {words}", hint)

    def _leaves(self, entry: Entry) -> dict[str, JsonObject] | None:
        """The column's leaves by dotted path; None when it has faults of its own."""
        schema = self._schema(entry)
        return None if schema is None else {".".join(path): leaf for path, leaf in leaves(schema)}

    def _schema(self, entry: Entry) -> JsonObject | None:
        """The schema of a record of this column alone."""
        if entry.column is None or self._draft.broken & {"input"}:
            return None
        llm_schemas: dict[str, JsonObject] = {}
        if isinstance(entry.column, LlmColumn):
            given = entry.column.schema_
            prepared = dict(TEXT) if given is None else prepare_schema(given, ())[0]
            if prepared is None:
                return None
            llm_schemas[entry.column.name] = prepared
        return record_schema([entry.column], self._draft.recipe.input.fields, llm_schemas)


def _bound_faults(expectation: Bounded, path: Path) -> Iterator[Found]:
    low, high = expectation.minimum, expectation.maximum
    if low is None and high is None:
        yield Found(path, "it limits nothing", "Set minimum, maximum or both.")
    elif low is not None and high is not None and low > high:
        yield Found((*path, "minimum"), f"it is above maximum, {high:g}", "Swap the two.")


def _pattern_faults(pattern: str, path: Path) -> Iterator[Found]:
    if not runs_in_linear_time(pattern):
        message, hint = why_not_linear(pattern)
        yield Found((*path, "pattern"), message, hint)


def _value_faults(expectation: form.ValuesExpectation, path: Path, named: _Named) -> Iterator[Found]:
    yield from named.must_be(_PLAIN, "plain values")
    allowed = named.kinds() & _PLAIN
    for position, value in enumerate(expectation.values):
        if allowed and kind(value) not in (allowed | ({"integer"} if "number" in allowed else set())):
            message = f"{value!r} is not of type {' or '.join(sorted(allowed))}"
            yield Found((*path, "values", position), message, "Remove it, or write it as the column does.")


def _share_faults(expectation: form.SharesExpectation, path: Path) -> Iterator[Found]:
    total = sum(expectation.shares.values())
    if total > 1 + 1e-9:
        yield Found((*path, "shares"), f"the shares add up to {total:g}", "Make them add up to 1 at most.")
