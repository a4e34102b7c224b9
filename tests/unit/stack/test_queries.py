"""What conditions become; a value of another type than the field's must not reach the server, which would refuse it."""

from typing import Any

import pytest

from synthmill.errors import UserError
from synthmill.ports.records import Collection, Condition, Outside, Place, Range
from synthmill.stack.elastic.names import Names
from synthmill.stack.elastic.queries import NOTHING, holds, matching, order

TYPED: list[tuple[Condition, str, dict[str, Any]]] = [
    ("a", "keyword", {"terms": {"f": ["a"]}}),
    (["a", "b"], "keyword", {"terms": {"f": ["a", "b"]}}),
    ([], "keyword", NOTHING),
    (1, "keyword", NOTHING),
    (True, "keyword", NOTHING),
    (1, "long", {"terms": {"f": [1]}}),
    (1.5, "long", {"terms": {"f": [1.5]}}),
    ("1", "long", NOTHING),
    (True, "long", NOTHING),
    (1 << 70, "long", NOTHING),
    (["1", 1], "double", {"terms": {"f": [1]}}),
    (True, "boolean", {"terms": {"f": [True]}}),
    (1, "boolean", NOTHING),
    (1, "flattened", {"terms": {"f": ["1"]}}),
    (True, "flattened", {"terms": {"f": ["true"]}}),
    (Range(1, 2), "long", {"range": {"f": {"gte": 1, "lte": 2}}}),
    (Range(low=1), "keyword", NOTHING),
    (Range(low="a"), "keyword", {"range": {"f": {"gte": "a"}}}),
    (Range(high="2026-01-01"), "date_nanos", {"range": {"f": {"lte": "2026-01-01"}}}),
    (Outside(Range(high=2)), "long", {"bool": {"must_not": [{"range": {"f": {"lte": 2}}}]}}),
    (Range(), "long", {"exists": {"field": "f"}}),
]


@pytest.mark.parametrize(("condition", "type_", "expected"), TYPED, ids=str)
def test_a_condition_on_a_field_of_one_type(condition: Condition, type_: str, expected: dict[str, Any]) -> None:
    assert holds("f", condition, frozenset({type_})) == expected


def test_no_document_meets_a_condition_on_a_field_that_is_not_mapped() -> None:
    assert holds("f", "a", frozenset()) == NOTHING


def test_where_indexes_differ_in_type_a_value_that_cannot_be_read_does_not_fail() -> None:
    query = holds("f", "a", frozenset({"long", "keyword"}))
    assert {"match": {"f": {"query": "a", "lenient": True}}} in query["bool"]["should"]


def test_a_place_that_tenants_share_is_searched_for_one_of_them() -> None:
    names = Names("p")
    shared = matching(names.home(Place("a", Collection.CALLS)), None, {})
    assert shared == {"bool": {"filter": [{"term": {"doc_tenant": "a"}}]}}
    own = names.home(Place("a", Collection.SLOTS, "d"))
    assert own.target == "p-slots-a.d"
    assert matching(own, None, {}) == {"bool": {"filter": []}}


@pytest.mark.parametrize("name", ["*", "a,b", "A", "../x", "", "a.b", "-a", "x" * 64])
def test_a_name_that_would_reach_other_indexes_is_refused(name: str) -> None:
    with pytest.raises((ValueError, UserError), match="name"):
        Names("p").home(Place("t", Collection.SLOTS, name))
    with pytest.raises(UserError, match="no usable name"):
        Names("p").home(Place(name, Collection.CALLS))


def test_an_order_ends_in_the_id_and_puts_documents_without_the_field_last() -> None:
    by_field, by_id = order("-f", {"f": frozenset({"long"})})
    assert by_field == {"f": {"order": "desc", "missing": "_last", "unmapped_type": "long"}}
    assert by_id["doc_id"]["order"] == "asc"
