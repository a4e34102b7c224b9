"""Text and Markdown: exact offsets, whole blocks, headings."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthmill.errors import InputUnusable
from synthmill.inputs.extract.rows import BadRow, Row
from synthmill_schemas.recipe import Chunking
from tests.support.extraction import read

WORDS = st.text(st.characters(categories=("L", "N", "P", "S", "M")), min_size=1, max_size=30)
LINE_STARTS = ["# ", "## ", "###### ", "- ", "1. ", "  ", "    ", "\t", "```\n", "~~~py\n", "```", "> "]
LINES = ["| a | b |\n|---|---|\n", "---\n", "===\n", "* * *\n"]
ENDS = [". ", "! ", "? ", "…” ", "。", " ", "\n", "\n\n", "\r\n", "\r", "\u2028", "\x0c"]
SYNTAX = st.sampled_from([*LINE_STARTS, *LINES, *ENDS])
TEXTS = st.lists(WORDS | SYNTAX, max_size=80).map("".join).filter(str.strip)
CHUNKINGS = st.builds(Chunking, size=st.sampled_from([100, 101, 150, 400]), overlap=st.sampled_from([0, 1, 30, 99]))


def chunks(text: str, name: str = "t.md", **chunking: int) -> list[Row]:
    """The chunks of a text; fails when one is bad."""
    rows = read(text.encode(), name, chunking=Chunking(**chunking))
    assert [row for row in rows if isinstance(row, BadRow)] == []
    return [row for row in rows if isinstance(row, Row)]


def texts(text: str, name: str = "t.md", **chunking: int) -> list[str]:
    """The chunks' texts."""
    return [row.data["text"] for row in chunks(text, name, **chunking)]


def span(row: Row) -> tuple[int, int]:
    """Where a chunk stands."""
    assert row.span is not None
    return row.span


@given(text=TEXTS, chunking=CHUNKINGS, name=st.sampled_from(["t.md", "t.txt"]))
def test_offsets_are_exact_and_only_white_space_is_left_out(text: str, chunking: Chunking, name: str) -> None:
    rows = [row for row in read(text.encode(), name, chunking=chunking) if isinstance(row, Row)]
    covered = bytearray(len(text))
    for row in rows:
        start, end = span(row)
        assert text[start:end] == row.data["text"] == row.data["text"].strip()
        assert 0 < end - start <= chunking.size
        covered[start:end] = b"\1" * (end - start)
    assert [char for at, char in enumerate(text) if not covered[at] and not char.isspace()] == []
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))


@given(text=TEXTS, chunking=CHUNKINGS)
def test_chunks_go_forward_and_overlap_no_more_than_asked(text: str, chunking: Chunking) -> None:
    spans = [span(row) for row in read(text.encode(), "t.md", chunking=chunking) if isinstance(row, Row)]
    for (start, end), (next_start, next_end) in pairwise(spans):
        assert start < next_start
        assert end < next_end
        assert end - next_start <= chunking.overlap


@given(text=TEXTS, chunking=CHUNKINGS)
def test_every_chunk_tells_the_line_where_it_begins(text: str, chunking: Chunking) -> None:
    for row in read(text.encode(), "t.md", chunking=chunking):
        assert isinstance(row, Row)
        assert row.line == 1 + len(re.findall(r"\r\n|\r|\n", text[: span(row)[0]]))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
def test_offsets_count_characters_of_the_decoded_text_whatever_the_encoding(encoding: str) -> None:
    text = "Élan vital. " * 40 + "\r\n\r\n" + "Où est la gare? " * 40
    data = text.encode(encoding)
    rows = [row for row in read(data, "t.txt", chunking=Chunking(size=200)) if isinstance(row, Row)]
    assert len(rows) > 5
    assert all(text[slice(*span(row))] == row.data["text"] for row in rows)


MANUAL = """---
title: A manual
---

# Pump

Read this first.

## Start

1. Open the valve.
2. Press the button.

   Wait.
3. Close it.

```sh
# not a heading
pump --start
```

| part | weight |
|------|--------|
| lid  | 2 kg   |

Maintenance
-----------

Clean it.

### Filters ###
Every month.
"""


def test_a_chunk_carries_the_headings_above_it() -> None:
    rows = chunks(MANUAL, size=1000)
    assert [(row.headings, row.data["headings"]) for row in rows] == [
        ((), []),
        (("Pump",), ["Pump"]),
        (("Pump", "Start"), ["Pump", "Start"]),
        (("Pump", "Maintenance"), ["Pump", "Maintenance"]),
        (("Pump", "Maintenance", "Filters"), ["Pump", "Maintenance", "Filters"]),
    ]
    assert rows[1].data["text"] == "# Pump\n\nRead this first."


def test_headings_without_a_text_of_their_own_stay_with_what_follows() -> None:
    (row,) = chunks("# A\n\n## B\n\n## C\ntext\n", size=100)
    assert row.data == {"text": "# A\n\n## B\n\n## C\ntext", "headings": ["A", "C"]}


def test_fences_tables_and_lists_stay_whole_where_they_fit() -> None:
    fence = "```py\n# no heading\n\n" + "x = 1\n" * 10 + "```"
    table = "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 8
    items = "- one\n\n  more of one\n- two\n" + "- three\n" * 6
    text = "\n\n".join(["Some words. " * 8, fence, "Some words. " * 8, table, "Some words. " * 8, items])
    found = texts(text, size=130)
    for block in (fence, table.strip(), items.strip()):
        assert [block in chunk for chunk in found].count(True) == 1


def test_a_block_that_fits_stays_whole_even_when_the_overlap_has_to_go() -> None:
    table = ("| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 7).strip()
    assert any(table in chunk for chunk in texts("Some words here. " * 6 + "\n\n" + table, size=110, overlap=50))


def test_a_fence_that_is_too_long_is_cut_between_lines() -> None:
    fence = "```\n" + "".join(f"line number {n} of the program\n" for n in range(100)) + "```\n"
    cut_at = [chunk.splitlines()[-1] for chunk in texts(fence, size=200)]
    assert len(cut_at) > 10
    assert all(re.fullmatch(r"line number \d+ of the program|```", line) for line in cut_at)


def test_prose_that_is_too_long_is_cut_behind_sentences() -> None:
    prose = "".join(f"Sentence {n} is about pumps, lids and valves. " for n in range(100))
    found = texts(prose, "t.txt", size=300)
    assert all(chunk.endswith(".") and chunk.startswith("Sentence") for chunk in found)
    assert min(map(len, found[:-1])) > 200


def test_a_sentence_that_is_too_long_is_cut_between_words_and_a_word_that_is_too_long_anywhere() -> None:
    assert all(set(chunk.split()) == {"word"} for chunk in texts("word " * 500, size=100))
    assert [len(chunk) for chunk in texts("x" * 1050, size=100)] == [100] * 10 + [50]


def test_an_overlap_repeats_whole_words() -> None:
    first, second, *_ = texts("".join(f"w{n:03d} " for n in range(100)), "t.txt", size=100, overlap=20)
    assert first[-19:] == second[:19] == " ".join(first.split()[-4:])


def test_a_chunk_with_undecodable_bytes_is_bad_and_the_others_keep_their_offsets() -> None:
    before, after = "Grüße aus Köln. " * 10, "Schöne Tage. " * 20
    data = before.encode() + b"\n\nbroken \xff here\n\n" + after.encode()
    text = data.decode(errors="replace")
    rows = read(data, "t.txt", chunking=Chunking(size=170))
    assert [(row.line, row.reason) for row in rows if isinstance(row, BadRow)] == [
        (3, "bytes that are not utf-8, in the chunk that begins in line 3")
    ]
    good_rows = [row for row in rows if isinstance(row, Row)]
    assert [row.line for row in good_rows] == [1, 5]
    assert all(text[slice(*span(row))] == row.data["text"] for row in good_rows)


def test_a_broken_heading_spoils_its_own_chunk_only() -> None:
    data = "# Größe ".encode() + b"\xff\n\nlid\n\n" + "é text. ".encode() * 30
    first, *others = read(data, "t.md", chunking=Chunking(size=100))
    assert isinstance(first, BadRow)
    assert [row.headings for row in others if isinstance(row, Row)] == [("Größe \ufffd",)] * len(others)


LONG = 4_000
NASTY_LINES = ["# " + " " * LONG + "x", "# " + " #" * LONG + "x", "|" + " " * LONG + "x", "|-" + " |" * LONG + "x"]
NASTY_LINES += ['."' * LONG, "-" * LONG + "x", "`" * LONG + "x`", " " * LONG + "#", "1" * LONG, ". x" * LONG]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("line", NASTY_LINES)
def test_no_line_however_made_takes_for_ever(line: str) -> None:
    assert texts(f"text\n{line}\n" * 20, size=5_000)


def test_white_space_alone_is_refused() -> None:
    with pytest.raises(InputUnusable, match="no text in it"):
        read(b" \n" * 100_000, "t.txt")
