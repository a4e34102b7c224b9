"""JSON documents and JSON lines."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthmill.errors import InputUnusable
from synthmill.inputs.extract.rows import BadRow, Limits, Row
from tests.support.extraction import good, read

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))
OBJECTS = st.lists(st.dictionaries(TEXT, VALUES, max_size=4), min_size=1, max_size=6)


@given(OBJECTS)
def test_an_array_of_objects_is_read_as_it_was_written(rows: list[dict[str, object]]) -> None:
    assert good(json.dumps(rows).encode(), "rows.json") == rows
    assert good(json.dumps(rows, ensure_ascii=False, indent=1).encode(), "rows.json") == rows


@given(OBJECTS)
def test_json_lines_are_read_as_they_were_written(rows: list[dict[str, object]]) -> None:
    data = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
    assert good(data, "rows.jsonl") == rows


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"])
def test_a_document_may_be_in_any_encoding_that_is_known(encoding: str) -> None:
    rows = [{"title": "Müller über alles", "n": 1}, {"title": "naïve café", "n": 2}]
    assert good(json.dumps(rows, ensure_ascii=False).encode(encoding), "rows.json") == rows
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    assert good(lines.encode(encoding), "rows.jsonl") == rows


def test_an_object_with_one_array_of_objects_gives_that_array() -> None:
    data = b'{"meta": {"a.b": [1, 2], "x": [{"y": 1}]}, "next": null, "rows": [{"n": 1}, {"n": [{"m": 2}]}], "t": 2}'
    assert good(data, "rows.json") == [{"n": 1}, {"n": [{"m": 2}]}]


def test_a_document_may_be_larger_than_a_row_may_be() -> None:
    rows = [{"n": n, "text": "x" * 80} for n in range(2_000)]
    assert good(json.dumps(rows).encode(), "rows.json", limits=Limits(row_bytes=1_024)) == rows


def test_an_object_without_such_an_array_is_one_row() -> None:
    assert good(b'{"name": "lamp", "tags": ["a", "b"]}', "row.json") == [{"name": "lamp", "tags": ["a", "b"]}]


def test_objects_one_a_line_are_json_lines_whatever_the_name_says() -> None:
    assert good(b'{"a": 1}\n\n{"a": 2}\n', "rows.json") == [{"a": 1}, {"a": 2}]
    assert good(b'[{"a": 1}]', "rows.jsonl") == [{"a": 1}]


def test_a_bad_line_is_a_bad_row_with_its_line_number() -> None:
    good_line = '{"a": "naïve café"}'.encode()
    bad_lines = [b'{"a": ', b"[1]", b'{"a": NaN}', b"null", b'{"a": 1e999}', b'{"a": "\\ud800"}', b'{"a": "\xff"}']
    data = b"\n".join([good_line, b"", *bad_lines, good_line])
    rows = read(data, "rows.jsonl")
    assert [(row.number, row.line, row.reason) for row in rows if isinstance(row, BadRow)] == [
        (2, 3, "not JSON: Expecting value at character 7"),
        (3, 4, "an array where an object is expected"),
        (4, 5, "NaN, which is not JSON"),
        (5, 6, "null where an object is expected"),
        (6, 7, "a number that is not finite"),
        (7, 8, "half of a surrogate pair, which is no character"),
        (8, 9, "bytes that are not utf-8"),
    ]
    assert [row.number for row in rows if isinstance(row, Row)] == [1, 9]


def test_a_line_that_is_too_long_or_too_deep_is_a_bad_row() -> None:
    deep = b"[" * 80 + b"]" * 80
    deeper = b"[" * 50_000 + b"]" * 50_000
    digits = b"9" * 5_000
    lines = [b'{"a": %s}' % value for value in (b'"' + b"x" * 200_000 + b'"', deep, deeper, digits, b"1")]
    rows = read(b"\n".join(lines), "rows.jsonl", limits=Limits(row_bytes=150_000))
    reasons = [row.reason for row in rows if isinstance(row, BadRow)]
    assert reasons[:3] == ["longer than 150000 bytes", "nested deeper than 64 levels", "nested deeper than 64 levels"]
    assert "4300 digits" in reasons[3]
    assert rows[-1].number == 5
    assert isinstance(rows[-1], Row)


def test_an_item_that_cannot_be_a_row_is_bad_and_the_others_are_not() -> None:
    big = '"' + "x" * 5_000 + '"'
    nested = "[" * 80 + "]" * 80
    data = f'[{{"a": 1}}, 3, {{"a": {big}}}, {{"a": {nested}}}, {{"a": 1e999}}, {{"a": {{"b": [2.5]}}}}]'.encode()
    rows = read(data, "rows.json", limits=Limits(row_bytes=4_096))
    assert [(row.number, row.reason) for row in rows if isinstance(row, BadRow)] == [
        (2, "a number where an object is expected"),
        (3, "longer than 4096 bytes"),
        (4, "nested deeper than 64 levels"),
        (5, "a number that is not finite"),
    ]
    assert [row.data for row in rows if isinstance(row, Row)] == [{"a": 1}, {"a": {"b": [2.5]}}]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[]", "an empty array"),
        (b'{"x": [{"a": 1}], "y": [{"b": 1}]}', "2 arrays of objects (x, y)"),
        (b'[{"a": 1}, {"a": ', "broken JSON after 1 rows"),
        (b'[{"a": 1}] [{"a": 2}]', "broken JSON after 1 rows"),
        (b'[{"a": 1}, {"a": \xff}]', "broken JSON"),
        (b'[{"a": "' + b"x" * 3_000_000 + b'"}]', "a single value is longer than"),
        (b'[{"a": ' + b"9" * 5_000 + b"}]", "a number of more than 4300 digits"),
        (b'"just text"', "does not begin with an object or an array"),
        (b"\n\n \n", "only white space"),
    ],
)
def test_a_document_that_cannot_be_read_is_refused_with_the_reason(data: bytes, said: str) -> None:
    with pytest.raises(InputUnusable) as refused:
        read(data, "rows.json")
    assert said in str(refused.value)
