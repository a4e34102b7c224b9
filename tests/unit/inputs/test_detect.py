"""Which kind a file is, and what is refused with which words."""

import gzip
import io
import os
import random
import zipfile

import pytest

from synthmill.errors import InputUnusable
from synthmill.inputs.detect import SourceKind, detect


def kind(data: bytes, name: str) -> SourceKind:
    """The kind of these bytes under this name."""
    return detect(io.BytesIO(data), name)


@pytest.mark.parametrize(
    ("data", "name", "wanted"),
    [
        (b"a,b\n1,2\n", "x.csv", SourceKind.CSV),
        (b"a,b\n1,2\n", "X.CSV", SourceKind.CSV),
        (b"a,b\n1,2\n", "products.csv#2", SourceKind.CSV),
        (b"a\tb\n1\t2\n", "x.tsv", SourceKind.TSV),
        (b"# T\n", "x.md", SourceKind.MARKDOWN),
        (b"[1] is a footnote", "x.txt", SourceKind.TEXT),
        (b"<html> in a text", "x.txt", SourceKind.TEXT),
        (b'{"a": 1}', "x.json", SourceKind.JSON),
        (b'{"a": 1}\n{"a": 2}', "x.json", SourceKind.JSONL),
        (b'{"a": 1}', "x.jsonl", SourceKind.JSONL),
        (b'{"a": 1}\n{"a": 2}', "rows", SourceKind.JSONL),
        (b"a;b\n1;2\n3;4\n5;6\n", "export", SourceKind.CSV),
        (b"Dear reader,\nthis, as you see,\nis no table.\n", "letter", SourceKind.TEXT),
        ("a,b\n1,2\n".encode("utf-16"), "x.csv", SourceKind.CSV),
        ("a,b\n1,2\n".encode("utf-16-le"), "x.csv", SourceKind.CSV),
        (b" " * 100_000 + b"text", "x.txt", SourceKind.TEXT),
    ],
)
def test_content_and_name_together_tell_the_kind(data: bytes, name: str, wanted: SourceKind) -> None:
    assert kind(data, name) is wanted


def zipped() -> bytes:
    """A small archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.csv", "a,b\n1,2\n")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (b"", "x.csv", "an empty file"),
        (b" \n\t\n", "x.csv", "only white space"),
        (gzip.compress(b"a,b\n1,2\n"), "x.csv.gz", "gzip-compressed; unpack it first"),
        (zipped(), "x.xlsx", "a zip archive or an Office document"),
        (b"%PDF-1.7\n%\xe2\xe3", "x.pdf", "a PDF document"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "x.csv", "a PNG image"),
        (b"\x7fELF\x02\x01\x01" + bytes(50), "x.txt", "a program"),
        (bytes(1_000), "x.txt", "binary data"),
        (random.Random(1).randbytes(5_000), "x.csv", "binary data"),
        (b"a,b\n1,2\n", "x.parquet", "named like Parquet"),
        (b"PAR1" + bytes(100), "x.parquet", "cut off or damaged"),
        (b'{"a": 1}', "x.csv", "rename it to .json"),
        (b"a,b\n", "x.json", "does not begin with an object or an array"),
        (b"<!DOCTYPE html><p>hi", "page", "an HTML or XML document"),
        (b"<?xml version='1.0'?><a/>", "x.xml", "an HTML or XML document"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_it_is(data: bytes, name: str, said: str) -> None:
    with pytest.raises(InputUnusable) as refused:
        kind(data, name)
    assert said in str(refused.value)


@pytest.mark.parametrize("name", ["x.pdf", "x.csv.gz", "x.parquet", "x.html", "x.bin"])
def test_a_refusal_says_what_is_accepted(name: str) -> None:
    data = {"x.pdf": b"%PDF-1.4", "x.csv.gz": gzip.compress(b"a"), "x.html": b"<html>", "x.bin": os.urandom(4_000)}
    with pytest.raises(InputUnusable) as refused:
        kind(data.get(name, b"text"), name)
    assert "accepted are CSV, TSV, JSON, JSON lines, Parquet, plain text and Markdown" in str(refused.value)


def test_the_file_is_left_at_its_start() -> None:
    file = io.BytesIO(b"a,b\n1,2\n")
    detect(file, "x.csv")
    assert file.tell() == 0
