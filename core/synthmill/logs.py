"""Logs for every service: one JSON object a line on stderr, ids as fields, secrets never.

`logger.info("planned in %.1f s", seconds, extra={"seconds": seconds})` puts `seconds` beside the message. Ids that
belong to all that is done about something are bound once, `with bound(job_id=…):`, and stand in every line within, also
in those of tasks and threads that begin there. A line reads alone and filters well.
"""

import json
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TextIO

_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

_bound: ContextVar[Mapping[str, str]] = ContextVar("bound", default=MappingProxyType({}))


@contextmanager
def bound(**ids: str | None) -> Iterator[None]:
    """Fields of every line that is logged within; None leaves a field as it is."""
    token = _bound.set({**_bound.get(), **{name: id_ for name, id_ in ids.items() if id_ is not None}})
    try:
        yield
    finally:
        _bound.reset(token)


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON: `at` (UTC), `level`, `service`, `logger`, `message`, ids and extras."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """One line, without a newline at its end; an exception's traceback stands in `error`."""
        line: dict[str, object] = {
            "at": _moment(record.created),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(_bound.get())
        line.update((name, value) for name, value in vars(record).items() if name not in _OWN_FIELDS)
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(service: str, *, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Sends all logs of this process to `stream` (default: stderr) as JSON lines; calling it again replaces it."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    handler.addFilter(_matters)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def _matters(record: logging.LogRecord) -> bool:
    """Libraries tell of every request they make; of theirs only what is wrong is kept."""
    return record.levelno >= logging.WARNING or record.name.startswith("synthmill")


def _moment(seconds: float) -> str:
    whole, fraction = divmod(seconds, 1)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{int(fraction * 1000):03d}Z"


def last_words(error: Exception) -> None:
    """Logs the error that ends the service; whoever started it shows the last such line."""
    logging.getLogger("synthmill").critical("%s", error)
