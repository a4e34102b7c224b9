"""Counts the requests to Elasticsearch of a part of a test, by what its client logs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

MINE: ContextVar[bool] = ContextVar("mine", default=False)
"""Set for the one whose requests are counted, and for all that he starts."""


class Requests(logging.Handler):
    """What is logged of each request: its method, URL and status."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Takes note of one that was answered."""
        if MINE.get():
            self.told.append(record.getMessage())


@contextmanager
def requests_counted() -> Iterator[Requests]:
    """Those that are sent within."""
    requests, transport = Requests(), logging.getLogger("elastic_transport.transport")
    transport.addHandler(requests)
    transport.setLevel(logging.INFO)
    try:
        yield requests
    finally:
        transport.removeHandler(requests)
        transport.setLevel(logging.NOTSET)
