"""CSV and TSV, as people and programs really write them."""

import csv
import io
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthmill.errors import InputUnusable
from synthmill.inputs.extract.rows import BadRow, Limits, Row
from tests.support.extraction import good, read

CELL = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from('\n\r\t",;|'), max_size=12)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    """A header of plain names, and rows in which not every cell is empty."""
    header = draw(st.lists(st.from_regex("[a-z]{1,8}", fullmatch=True), min_size=1, max_size=5, unique=True))
    cells = st.lists(CELL, min_size=len(header), max_size=len(header)).filter(lambda row: any(map(str.strip, row)))
    return header, draw(st.lists(cells, min_size=1, max_size=8))


@given(
    table=tables(),
    delimiter=st.sampled_from(",;\t|"),
    # with "\n" alone as line end the writer leaves a "\r" in a cell unquoted
    style=st.sampled_from([(csv.QUOTE_MINIMAL, "\r\n"), (csv.QUOTE_ALL, "\r\n"), (csv.QUOTE_ALL, "\n")]),
)
def test_what_a_csv_writer_writes_is_read_back(
    table: tuple[list[str], list[list[str]]], delimiter: str, style: tuple[Literal[0, 1], str]
) -> None:
    header, rows = table
    quoting, line_end = style
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=delimiter, quoting=quoting, lineterminator=line_end).writerows([header, *rows])
    assert good(written.getvalue().encode(), "table.csv") == [dict(zip(header, row, strict=True)) for row in rows]


@given(table=tables())
def test_every_row_tells_the_line_where_it_begins(table: tuple[list[str], list[list[str]]]) -> None:
    header, rows = table
    written = io.StringIO(newline="")
    writer = csv.writer(written, quoting=csv.QUOTE_ALL)
    writer.writerow(header)
    begins = []
    for row in rows:
        begins.append(len(written.getvalue().replace("\r\n", "\n").replace("\r", "\n").split("\n")))
        writer.writerow(row)
    read_rows = read(written.getvalue().encode(), "table.csv")
    assert [row.line for row in read_rows] == begins
    assert [row.number for row in read_rows] == list(range(1, len(rows) + 1))


def bad(data: bytes, **limits: int) -> list[tuple[int, int | None, str]]:
    """Number, line and reason of the bad rows."""
    rows = read(data, "table.csv", limits=Limits(**limits))
    return [(row.number, row.line, row.reason) for row in rows if isinstance(row, BadRow)]


def test_a_ragged_row_is_bad_and_the_others_are_not() -> None:
    data = b"sku,title\n1,lamp\n2\n3,chair,oak\n4,desk\n"
    assert bad(data) == [
        (2, 3, "1 fields where the header has 2"),
        (3, 4, "3 fields where the header has 2"),
    ]
    assert [row.data["sku"] for row in read(data, "t.csv") if isinstance(row, Row)] == ["1", "4"]


def test_a_lost_quote_costs_its_own_row_only() -> None:
    data = b'sku,title\n1,"lamp\n2,"chair"\n3,desk\n4,"a\nb"\n'
    assert [(number, line) for number, line, _ in bad(data)] == [(1, 2)]
    assert [row.data for row in read(data, "t.csv") if isinstance(row, Row)] == [
        {"sku": "2", "title": "chair"},
        {"sku": "3", "title": "desk"},
        {"sku": "4", "title": "a\nb"},
    ]


def test_a_quote_that_is_never_closed_costs_its_own_row_even_at_the_end() -> None:
    data = b'sku,title\n1,lamp\n2,"chair\n3,desk\n'
    assert [(number, line) for number, line, _ in bad(data)] == [(2, 3)]
    assert [row.data["sku"] for row in read(data, "t.csv") if isinstance(row, Row)] == ["1", "3"]


def test_a_quote_open_for_longer_than_a_row_may_be_costs_its_own_row_only() -> None:
    rows = b"".join(b"%d,plain\n" % number for number in range(2, 2_000))
    data = b'sku,title\n1,"lamp\n' + rows
    assert bad(data, row_bytes=1_024) == [(1, 2, "longer than 1024 bytes")]
    assert len(read(data, "t.csv", limits=Limits(row_bytes=1_024))) == 1_999


def test_an_over_long_line_is_bad_and_reading_goes_on_behind_it() -> None:
    data = b"sku,title\n1," + b"x" * 100_000 + b"\n2,chair\n"
    assert bad(data, row_bytes=2_048) == [(1, 2, "longer than 2048 bytes")]
    assert [row.data for row in read(data, "t.csv", limits=Limits(row_bytes=2_048)) if isinstance(row, Row)] == [
        {"sku": "2", "title": "chair"}
    ]


def test_a_field_may_be_as_long_as_a_row() -> None:
    long = "x" * 500_000  # the csv module's own limit is 131,072
    assert good(f"a,b\n1,{long}\n".encode(), "t.csv") == [{"a": "1", "b": long}]


def test_a_row_with_nul_or_undecodable_bytes_is_bad() -> None:
    data = "a,b\n1,naïve\n2,\0\n3,".encode() + b"\xff\n4,caf\xc3\xa9\n"
    assert bad(data) == [(2, 3, "a NUL character"), (3, 4, "bytes that are not utf-8")]


def test_blank_lines_are_skipped_and_a_row_of_empty_cells_is_bad() -> None:
    assert bad(b"a,b\n\n1,2\n\r\n,\n3,4\n") == [(2, 5, "every cell is empty")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_although_others_occur_in_the_text(delimiter: str) -> None:
    others = "".join({",", ";", "|"} - {delimiter})
    lines = [delimiter.join(["sku", "title", "price"])]
    lines += [delimiter.join([str(n), f"lamp{others} oak{others} new", "1.5"]) for n in range(5)]
    assert good("\n".join(lines).encode(), "t.csv")[0] == {
        "sku": "0",
        "title": f"lamp{others} oak{others} new",
        "price": "1.5",
    }


def test_in_a_single_column_commas_belong_to_the_text() -> None:
    assert good(b'question\nWho, and when?\n"Why; then?"\n', "t.csv") == [
        {"question": "Who, and when?"},
        {"question": "Why; then?"},
    ]


def test_excel_may_name_the_delimiter_in_the_first_line() -> None:
    rows = read(b"sep=;\r\nname;remark\r\nlamp;red, new\r\n", "t.csv")
    assert [(row.line, row.data) for row in rows if isinstance(row, Row)] == [
        (3, {"name": "lamp", "remark": "red, new"})
    ]


def test_a_tsv_keeps_commas_and_quotes_inside_its_cells() -> None:
    assert good(b'name\tremark\nlamp\t5" wide, red\n', "t.tsv") == [{"name": "lamp", "remark": '5" wide, red'}]


def test_empty_and_repeated_column_names_are_made_unique() -> None:
    assert good(b",id,id, name \n0,1,2,lamp\n", "t.csv") == [{"column_1": "0", "id": "1", "id_2": "2", "name": "lamp"}]


def test_old_macintosh_line_ends_are_line_ends() -> None:
    assert good(b"a,b\r1,2\r3,4\r", "t.csv") == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"sku,title\n", "a header (sku, title) and no rows"),
        (b"sku,title", "a header (sku, title) and no rows"),
        (b'"sku,title\n1,2\n', "line 1: the header cannot be read"),
        (b"s\0ku,title\n1,2\n3,4\n5,6\n", "line 1: the header cannot be read: a NUL character"),
    ],
)
def test_a_table_without_header_or_rows_is_refused_with_the_reason(data: bytes, said: str) -> None:
    with pytest.raises(InputUnusable) as refused:
        read(data, "t.csv")
    assert said in str(refused.value)
