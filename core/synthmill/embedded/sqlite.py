"""The only file that names sqlite3: connections, migrations, the steps of a transaction and what errors mean."""

import errno
import fcntl
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from synthmill.embedded.schema import MIGRATIONS
from synthmill.errors import Retriable, StorageFull, UserError

T = TypeVar("T")
Connection = sqlite3.Connection
Work = Callable[[Connection], T]

BUSY_SECONDS = 30.0
"""How long a write waits for other processes' transactions; those last milliseconds, so then one of them hangs."""

OLDEST = (3, 38, 0)
"""The first SQLite that always has the JSON functions; RETURNING came before it."""

NEARLY_FULL_BYTES = 1 << 20
"""With less free than this, an I/O error is put down to the full disk, whatever code SQLite gives."""

_UNUSABLE = {
    sqlite3.SQLITE_CORRUPT: "is damaged: restore a copy, or move it away and start anew",
    sqlite3.SQLITE_NOTADB: "is not a synthmill database: move it away, or set SYNTHMILL_HOME to another folder",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: check that its folder exists and may be written",
    sqlite3.SQLITE_READONLY: "cannot be written: check its permissions and those of its folder",
    sqlite3.SQLITE_PERM: "cannot be written: check its permissions and those of its folder",
    sqlite3.SQLITE_IOERR: "could not be read or written: check the disk, then resume",
}


SHUFFLED = "shuffled"
"""An SQL function of a text and a seed: a number that orders texts by chance, the same way in every process."""


LEAVES = "leaves"
"""An SQL function of a JSON document and a dotted path: a list of what is there, through lists on the way."""


class Durability(StrEnum):
    """What a commit survives; the values are SQLite's. Each makes durable all that was committed before it."""

    POWER_CUT = "FULL"  # waits for the disk
    KILL = "NORMAL"  # in the hands of the operating system: outlives every process, not the machine


class DatabaseUnusable(UserError):
    """The file cannot serve: damaged, foreign, made by a newer program, or not ours to write."""


@dataclass(frozen=True, slots=True)
class Failed:
    """One work of several failed and left no trace; the others are not touched."""

    error: Exception


def connect(path: Path) -> Connection:
    """A connection as every part of the profile wants it: we begin transactions, and wait for foreign ones."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        _set_durability(connection, Durability.POWER_CUT)
        connection.execute("PRAGMA fullfsync = ON")  # macOS: waiting for the disk needs more than fsync there
        connection.create_function(SHUFFLED, 2, _shuffled, deterministic=True)
        connection.create_function(LEAVES, 2, _leaves, deterministic=True)
    except BaseException:
        connection.close()
        raise
    return connection


def _shuffled(text: str, seed: str) -> int:
    digest = hashlib.blake2b(text.encode(), digest_size=8, key=seed.encode()).digest()
    return int.from_bytes(digest, "big", signed=True)


def _leaves(document: str, path: str) -> str:
    values = [json.loads(document)]
    for name in path.split("."):
        values = [value[name] for value in _flat(values) if isinstance(value, dict) and name in value]
    return json.dumps(list(_flat(values)))


def _flat(values: Sequence[object]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value


def set_up(path: Path) -> Connection:
    """Creates the file or brings it up to date, one process at a time, and answers a connection to it."""
    if sqlite3.sqlite_version_info < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise DatabaseUnusable(f"this Python has SQLite {sqlite3.sqlite_version}, {wanted} is needed: use a newer one")
    # switching to WAL does not wait for others that open the file at the same moment; the lock does
    with path.with_name(f"{path.name}.setup").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        connection = connect(path)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            _migrate(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def _migrate(connection: Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise DatabaseUnusable(f"{path} was made by a newer synthmill: update this one, or use another folder")
    for number, statements in enumerate(MIGRATIONS[version:], start=version + 1):
        begin(connection)
        try:
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number:d}")
            commit(connection)
        except BaseException:
            roll_back(connection)
            raise


def begin(connection: Connection, durability: Durability = Durability.POWER_CUT) -> None:
    """Takes the write lock at once, so that a transaction never fails half-way because another process wrote."""
    _set_durability(connection, durability)
    connection.execute("BEGIN IMMEDIATE")


def _set_durability(connection: Connection, durability: Durability) -> None:
    connection.execute(f"PRAGMA synchronous = {durability}")


def commit(connection: Connection) -> None:
    """Makes the transaction durable."""
    connection.execute("COMMIT")


def roll_back(connection: Connection) -> None:
    """Undoes the transaction, if SQLite has not done so itself."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def in_savepoint(connection: Connection, work: Work[T]) -> T:
    """Runs `work` inside the open transaction; when it raises, only its own changes are undone."""
    if not connection.in_transaction:
        # a full disk made SQLite roll everything back: going on would commit the rest by itself
        raise sqlite3.OperationalError("the transaction was rolled back after an earlier error")
    connection.execute("SAVEPOINT work")
    try:
        result = work(connection)
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK TO work")
            connection.execute("RELEASE work")
        raise
    connection.execute("RELEASE work")
    return result


def in_one_commit(connection: Connection, works: Sequence[Work[Any]], durability: Durability) -> list[Any]:
    """Runs all in one transaction and answers each result, or `Failed` for one that raised."""
    begin(connection, durability)
    try:
        outcomes = [_attempt(connection, work) for work in works]
        commit(connection)
    except BaseException:
        roll_back(connection)
        raise
    return outcomes


def _attempt(connection: Connection, work: Work[Any]) -> object:
    try:
        return in_savepoint(connection, work)
    except Exception as error:
        if not connection.in_transaction:
            raise  # the others of this commit are undone as well
        return Failed(error)


@contextmanager
def errors_told(path: Path, unavailable: type[Retriable]) -> Iterator[None]:
    """Turns what SQLite and the file system raise into errors that carry a decision."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        told = told_error(error, path, unavailable)
        if told is error:
            raise
        raise told from error


def told_error(error: Exception, path: Path, unavailable: type[Retriable]) -> Exception:
    """The error that says what to do; one that is nobody's fault but the program's comes back as it is."""
    if isinstance(error, OSError):
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        return _full(path) if full else DatabaseUnusable(f"{path} cannot be used: {error}")
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF  # the low byte is the kind, above it the detail
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _nearly_full(path)):
        return _full(path)
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return unavailable(f"{path} was locked by another process for {BUSY_SECONDS:.0f} s: is one of them stopped?")
    if code in _UNUSABLE:
        return DatabaseUnusable(f"{path} {_UNUSABLE[code]} ({error})")
    return error


def _full(path: Path) -> StorageFull:
    return StorageFull(f"no space left for {path}: free some, then resume; nothing that was confirmed is lost")


def _nearly_full(path: Path) -> bool:
    return shutil.disk_usage(path.parent).free < NEARLY_FULL_BYTES
