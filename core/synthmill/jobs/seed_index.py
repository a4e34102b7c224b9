"""A set of seed ids, each with a word about its content, on disk as soon as it is large.

A dataset may have millions of seeds, and each refresh and release compares all of them with those of the sources.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from synthmill.errors import StorageFull

_CACHE_KIB = 8 << 10


class SeedIndex:
    """A private temporary database; SQLite writes it to a file of its own only when its cache is full."""

    def __init__(self) -> None:
        # Batches are handed to one thread after the other, never to two at a time.
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("CREATE TABLE seeds (id TEXT PRIMARY KEY, content TEXT, seen INTEGER) WITHOUT ROWID")

    def add(self, seeds: Mapping[str, str]) -> None:
        """Adds ids with their contents; what is said last about an id holds."""
        with self._batch():
            self._connection.executemany(
                "INSERT INTO seeds VALUES (?, ?, 0) ON CONFLICT DO UPDATE SET content = excluded.content", seeds.items()
            )

    def contents(self, ids: Sequence[str]) -> dict[str, str]:
        """Those of the ids that are in it, with their contents."""
        rows = self._connection.execute(
            "SELECT id, content FROM seeds WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),)
        )
        return dict(rows.fetchall())

    def see(self, ids: Sequence[str]) -> None:
        """Notes that these were met elsewhere."""
        with self._batch():
            self._connection.executemany("UPDATE seeds SET seen = 1 WHERE id = ?", [(id_,) for id_ in ids])

    def unseen(self) -> int:
        """How many were never met."""
        (count,) = self._connection.execute("SELECT count(*) FROM seeds WHERE seen = 0").fetchone()
        return int(count)

    def close(self) -> None:
        """Deletes it."""
        self._connection.close()

    @contextmanager
    def _batch(self) -> Iterator[None]:
        """One transaction, which is much cheaper than one a row."""
        try:
            self._connection.execute("BEGIN")
            yield
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise StorageFull("no space left for the index of seed ids in the temporary folder") from error
            raise
