"""What tests of single parts share."""

import io
import logging
from collections.abc import Iterator

import pytest

from synthmill import logs


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged, as the worker writes it."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure("worker", stream=stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
