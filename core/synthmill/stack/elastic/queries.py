"""Turns conditions, words and orders into Elasticsearch's query language."""

from collections.abc import Sequence

from synthmill.errors import UserError
from synthmill.ports.records import Condition, Outside, Range, Scalar, Where
from synthmill.stack.elastic.mappings import FULL_TEXT, Mapping
from synthmill.stack.elastic.names import DOC_ID, DOC_TENANT, Home
from synthmill.stack.elastic.types import FREE, NUMERIC, Types

NOTHING: Mapping = {"match_none": {}}

_LONGEST = 1 << 63


def matching(home: Home, where: Where | None, types: Types, text: str | None = None) -> Mapping:
    """The query for a place's documents that meet all conditions and hold all words."""
    parts = [holds(path, condition, types[path]) for path, condition in (where or {}).items()]
    if home.shared:
        parts.append({"term": {DOC_TENANT: home.tenant}})
    if text is not None and text.strip():
        parts.append(_words(home, text))
    return {"bool": {"filter": parts}}


def holds(path: str, condition: Condition, types: frozenset[str]) -> Mapping:
    """The query for one condition; a value of another type than the field's is nowhere."""
    if isinstance(condition, Outside):
        return {"bool": {"must_not": [holds(path, condition.bounds, types)]}}
    if isinstance(condition, Range):
        return _any_of([_within(path, condition, type_) for type_ in sorted(types)])
    values = [condition] if isinstance(condition, str | int | float) else list(condition)
    return _any_of([_equal(path, values, type_, alone=len(types) == 1) for type_ in sorted(types)])


def by_chance(query: Mapping, seed: int) -> Mapping:
    """The same matches, scored by a hash of id and seed; the server salts it by index, so each shuffles its own."""
    score = {"seed": seed, "field": DOC_ID}
    return {"function_score": {"query": query, "random_score": score, "boost_mode": "replace"}}


def order(sort: str | None, types: Types) -> list[Mapping]:
    """By the field that `sort` names, "-" before it for descending, documents without it last; then by id."""
    by_id: Mapping = {DOC_ID: {"order": "asc", "unmapped_type": "keyword"}}
    if sort is None:
        return [by_id]
    path = sort.removeprefix("-")
    found = types[path]
    by_field: Mapping = {
        "order": "desc" if sort.startswith("-") else "asc",
        "missing": "_last",
        "unmapped_type": next(iter(found - {FREE}), "keyword"),
    }
    if "date_nanos" in found:  # else the cursor would hold a number that is cut to milliseconds
        by_field["format"] = "strict_date_optional_time_nanos"
    return [{path: by_field}, by_id]


def _words(home: Home, text: str) -> Mapping:
    fields = FULL_TEXT.get(home.collection)
    if fields is None:
        raise UserError(f"{home.collection} have no full text: search records or events, or filter by field")
    return {"multi_match": {"query": text, "type": "cross_fields", "operator": "and", "fields": fields}}


def _any_of(queries: Sequence[Mapping]) -> Mapping:
    if len(queries) == 1:
        return queries[0]
    return {"bool": {"should": list(queries), "minimum_should_match": 1}} if queries else NOTHING


def _equal(path: str, values: Sequence[Scalar], type_: str, *, alone: bool) -> Mapping:
    fitting = [value for value in values if _fits(value, type_)]
    if type_ == FREE:
        fitting = [_as_text(value) for value in values]
    if not fitting:
        return NOTHING
    if alone:
        return {"terms": {path: fitting}}
    # indexes differ in the field's type, and each gets every query: one that cannot be read must not fail there
    return _any_of([{"match": {path: {"query": value, "lenient": True}}} for value in fitting])


def _within(path: str, bounds: Range, type_: str) -> Mapping:
    given = {name: bound for name, bound in (("gte", bounds.low), ("lte", bounds.high)) if bound is not None}
    if not given:
        return {"exists": {"field": path}}
    if type_ == FREE:
        return {"range": {path: given}} if all(isinstance(bound, str) for bound in given.values()) else NOTHING
    return {"range": {path: given}} if all(_fits(bound, type_) for bound in given.values()) else NOTHING


def _fits(value: Scalar, type_: str) -> bool:
    match value:
        case bool():
            return type_ == "boolean"
        case int():
            return type_ == "double" or (type_ == "long" and -_LONGEST <= value < _LONGEST)
        case float():
            return type_ in NUMERIC
        case _:
            return type_ in {"keyword", "date", "date_nanos"}


def _as_text(value: Scalar) -> str:
    """As a free object's values are kept."""
    return str(value).lower() if isinstance(value, bool) else str(value)
