"""Counts how often each key was seen, on disk as soon as there are many, so that memory does not grow with the file."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from synthmill.errors import StorageFull

_CACHE_KIB = 8 << 10


@dataclass(frozen=True, slots=True)
class Seen:
    """How often a key was seen, this time included, and in which row first."""

    times: int
    first_row: int


class Occurrences:
    """A private temporary database; SQLite writes it to a file of its own only when its cache is full."""

    def __init__(self) -> None:
        # Chunks of one source are read by one thread after the other, never by two at a time.
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(
            "CREATE TABLE seen (key BLOB PRIMARY KEY, times INTEGER, row INTEGER) WITHOUT ROWID, STRICT"
        )

    def note(self, key: bytes, row: int) -> Seen:
        """Counts one more of `key` in data row `row`."""
        with _full_disk():
            found = self._connection.execute(
                "INSERT INTO seen VALUES (?, 1, ?) ON CONFLICT DO UPDATE SET times = times + 1 RETURNING times, row",
                (key, row),
            ).fetchone()
        return Seen(*found)

    def note_all(self, keys: Iterable[tuple[bytes, int]]) -> None:
        """Counts one more of each key in its data row; a fraction of the cost of asking about each."""
        with _full_disk():
            self._connection.executemany(
                "INSERT INTO seen VALUES (?, 1, ?) ON CONFLICT DO UPDATE SET times = times + 1", keys
            )

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Notes inside are one transaction, which is much cheaper."""
        self._connection.execute("BEGIN")
        yield
        with _full_disk():
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Deletes it."""
        self._connection.close()


@contextmanager
def _full_disk() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise StorageFull("no space left for the index of seed ids in the temporary folder") from error
        raise
