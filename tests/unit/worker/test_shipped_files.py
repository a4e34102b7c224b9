"""Files that other people wrote for purposes of their own: whatever data ships inside the installed packages."""

import csv
import json
import sysconfig
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from synthmill.errors import InputUnusable
from synthmill.inputs.extract.rows import Row
from tests.support.extraction import good, read

INSTALLED = Path(sysconfig.get_paths()["purelib"])
MOST_BYTES = 300_000
MOST_FILES = 60


def shipped(pattern: str) -> list[Path]:
    """Files that fit the pattern, not too large, evenly picked when there are many."""
    found = sorted(path for path in INSTALLED.glob(pattern) if 0 < path.stat().st_size < MOST_BYTES)
    return found[:: max(1, len(found) // MOST_FILES)]


def test_there_is_something_to_read() -> None:
    assert all(shipped(pattern) for pattern in ("*.dist-info/RECORD", "**/*.md", "**/*.txt", "**/*.json"))


@pytest.mark.parametrize("path", shipped("*.dist-info/RECORD"), ids=lambda path: path.parent.name)
def test_an_installer_s_record_is_a_csv(path: Path) -> None:
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    if not rows:
        pytest.skip("one line is no table")
    names = [name or f"column_{n}" for n, name in enumerate(header, start=1)]
    assert good(path.read_bytes(), "RECORD.csv") == [dict(zip(names, row, strict=True)) for row in rows]


@pytest.mark.parametrize("path", [*shipped("**/*.md"), *shipped("**/*.txt")], ids=lambda path: path.name)
def test_a_text_is_cut_without_a_loss(path: Path) -> None:
    data = path.read_bytes()
    text = data.decode("utf-8-sig")
    if not text.strip():
        pytest.skip("there is nothing in it")
    covered = bytearray(len(text))
    for row in read(data, path.name):
        assert isinstance(row, Row)
        assert row.span is not None
        start, end = row.span
        assert text[start:end] == row.data["text"]
        covered[start:end] = b"\1" * (end - start)
    assert all(covered[at] or char.isspace() for at, char in enumerate(text))


@pytest.mark.parametrize("path", shipped("**/*.json"), ids=lambda path: path.name)
def test_a_document_gives_what_the_json_module_reads(path: Path) -> None:
    document = json.loads(path.read_bytes())
    wanted = expected_rows(document)
    if wanted is None:
        with pytest.raises(InputUnusable):
            read(path.read_bytes(), path.name)
    else:
        assert good(path.read_bytes(), path.name) == wanted


def expected_rows(document: object) -> list[Any] | None:
    """The rule of the reader, written down a second time; None: refused."""
    if isinstance(document, list):
        return document or None
    if not isinstance(document, dict):
        return None
    arrays = [value for value in document.values() if isinstance(value, list) and value and isinstance(value[0], dict)]
    match arrays:
        case []:
            return [document]
        case [rows]:
            return rows
        case _:
            return None


@pytest.mark.parametrize("path", shipped("pyarrow/tests/data/**/*.parquet"), ids=lambda path: path.name)
def test_a_parquet_file_gives_the_rows_that_pyarrow_reads(path: Path) -> None:
    table = pq.read_table(path)
    rows = good(path.read_bytes(), path.name)
    assert len(rows) == table.num_rows
    assert [[str(value)[:4] for value in row.values()] for row in rows] == [
        [str(value)[:4] for value in row.values()] for row in table.to_pylist()
    ]
