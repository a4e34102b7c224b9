"""The beginning of a data file, read by the worker's own readers: its kind, columns and first rows."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from synthmill.errors import InputUnusable
from synthmill.inputs.extract.extract import Extraction, extract
from synthmill.inputs.extract.rows import Limits, Row
from synthmill.inputs.extract.survey import glance
from synthmill_schemas.base import JsonObject
from synthmill_schemas.recipe import Chunking

_HEAD_BYTES = 1 << 20  # enough to tell UTF-8 from other encodings; the worker itself looks at all bytes


@contextmanager
def opened(path: Path, chunking: Chunking) -> Iterator[Extraction]:
    """The file with the reader of its kind; every error names the file."""
    try:
        with path.open("rb") as file:
            survey = glance(file, path.stat().st_size, _HEAD_BYTES)
            extraction = extract(file, path.name, survey, Limits(), chunking)
            yield extraction
            if isinstance(extraction.rows, Generator):
                extraction.rows.close()  # it holds the file
    except InputUnusable as error:
        raise InputUnusable(f"{path}: {error}") from error
    except OSError as error:
        raise InputUnusable(f"{path} cannot be read: {error.strerror}") from error


def first_rows(extraction: Extraction, most: int) -> list[JsonObject]:
    """The first good rows."""
    good = (row.data for row in extraction.rows if isinstance(row, Row))
    return list(islice(good, most))
