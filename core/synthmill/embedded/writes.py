"""Writing documents: one function a way of writing, each over an open connection.

`documents` changes at once. In the delayed-visibility test mode `unseen` notes what changed, and `visible` brings
those documents over into `seen`, the copy that searches read there.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from synthmill.embedded import fields as mapping
from synthmill.embedded.filters import column_values
from synthmill.embedded.places import Home, number_of, writable_home_of
from synthmill.embedded.schema import COLUMNS, document_tables
from synthmill.embedded.sqlite import Connection
from synthmill.embedded.words import words_of
from synthmill.errors import UserError, VersionConflict
from synthmill.ports.records import Collection, Document, Stored, Write, WriteMode, WriteResult, WriteStatus

MAX_DOCUMENT_BYTES = 8 << 20
"""Far above a record, and small enough to hold several in memory; a search server has a like limit a request."""

MAX_ID_BYTES = 512
"""Elasticsearch's limit, kept here too."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
"""Made once: `json.dumps` makes one for each document, which takes as long as the encoding."""

SEEN_TABLES = (
    *document_tables("seen", "seen_words"),
    "CREATE TABLE IF NOT EXISTS unseen (place INTEGER, id TEXT, PRIMARY KEY (place, id)) WITHOUT ROWID",
)

_INSERT = (
    f"INSERT INTO documents (place, id, document, version, rank, {', '.join(COLUMNS)})"
    f" VALUES (?, ?, ?, ?, ?{', ?' * len(COLUMNS)})"
)
_UPDATE = (
    f"UPDATE documents SET document = ?, version = ?, rank = ?, {', '.join(f'{name} = ?' for name in COLUMNS)}"
    " WHERE number = ?"
)


class _Refused(Exception):
    """The document is never going to fit."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A stored document's row."""

    number: int
    document: Document
    version: int
    rank: int | None


class Writer:
    """Writes within an open transaction; `delayed` is the test mode."""

    def __init__(self, connection: Connection, *, delayed: bool) -> None:
        self._connection = connection
        self._delayed = delayed
        self._fields: dict[tuple[str, str], mapping.Fields] = {}
        self._places: dict[Home, int] = {}

    def bulk(self, writes: Sequence[Write]) -> list[WriteResult]:
        """Writes all and judges each."""
        version = self._reserve_versions(len(writes))
        return [self._judged(write, number) for number, write in enumerate(writes, start=version)]

    def patch(self, home: Home, id_: str, changes: Document, expected: int) -> Stored:
        """Replaces top-level fields of the document if its version is the expected one."""
        place = self._place(home)
        row = self._row(place, id_)
        if row is None or row.version != expected:
            found = "is gone" if row is None else f"has version {row.version}"
            raise VersionConflict(f"{home.collection} {id_} {found}, expected {expected}: read it again")
        document = row.document | changes
        try:
            text = self._checked(home, id_, document)
        except _Refused as refused:
            raise UserError(f"{home.collection} {id_} cannot be changed so: {refused}") from None
        version = self._reserve_versions(1)
        self._replace(home, row, document, text, version, row.rank)
        self._touched(place, id_)
        return Stored(id_, document, version)

    def delete(self, home: Home, ids: Sequence[str]) -> int:
        """Deletes by id and answers how many there were."""
        place = self._place(home)
        deleted = 0
        for id_ in ids:
            row = self._row(place, id_)
            if row is not None:
                _unindex(self._connection, "words", row.number, words_of(home.collection, row.document))
                self._connection.execute("DELETE FROM documents WHERE number = ?", (row.number,))
                self._touched(place, id_)
                deleted += 1
        return deleted

    def _judged(self, write: Write, version: int) -> WriteResult:
        home = writable_home_of(write.place)
        try:
            text = self._checked(home, write.id, write.document)
        except _Refused as refused:
            return WriteResult(write.id, WriteStatus.REFUSED, str(refused))
        if write.mode is WriteMode.RANKED and write.rank is None:
            return WriteResult(write.id, WriteStatus.REFUSED, "a ranked write needs a rank")
        return WriteResult(write.id, self._store(home, write, text, version))

    def _store(self, home: Home, write: Write, text: str, version: int) -> WriteStatus:
        place = self._place(home)
        row = self._row(place, write.id)
        if row is None:
            self._insert(home, place, write, text, version)
        elif _stands(row, write):
            return WriteStatus.ALREADY
        else:
            rank = row.rank if write.rank is None else write.rank
            self._replace(home, row, write.document, text, version, rank)
        self._touched(place, write.id)
        return WriteStatus.STORED

    def _insert(self, home: Home, place: int, write: Write, text: str, version: int) -> None:
        columns = column_values(write.document)
        number = self._connection.execute(_INSERT, (place, write.id, text, version, write.rank, *columns)).lastrowid
        _index(self._connection, "words", number, words_of(home.collection, write.document))

    def _replace(self, home: Home, row: _Row, document: Document, text: str, version: int, rank: int | None) -> None:
        self._connection.execute(_UPDATE, (text, version, rank, *column_values(document), row.number))
        before, after = words_of(home.collection, row.document), words_of(home.collection, document)
        if before != after:
            _unindex(self._connection, "words", row.number, before)
            _index(self._connection, "words", row.number, after)

    def _checked(self, home: Home, id_: str, document: Document) -> str:
        """The document as JSON text."""
        try:
            text = _ENCODER.encode(document)
            size, id_size = len(text.encode()), len(id_.encode())
        except (TypeError, ValueError, RecursionError) as error:
            raise _Refused(f"not JSON: {error}") from None
        if not 0 < id_size <= MAX_ID_BYTES:
            raise _Refused(f"an id has 1 to {MAX_ID_BYTES} bytes, this one {id_size}")
        if size > MAX_DOCUMENT_BYTES:
            raise _Refused(f"{size} bytes are more than a document may have, {MAX_DOCUMENT_BYTES}")
        self._check_fields(home, document)
        return text

    def _check_fields(self, home: Home, document: Document) -> None:
        if home.collection != Collection.SLOTS or document.get("state") != "accepted":
            return
        key = home.tenant, home.dataset
        if key not in self._fields:
            self._fields[key] = stored_fields(self._connection, *key)
        fault = mapping.contradiction(document.get("data") or {}, self._fields[key])
        if fault is not None:
            raise _Refused(fault)

    def _row(self, place: int, id_: str) -> _Row | None:
        row = self._connection.execute(
            "SELECT number, document, version, rank FROM documents WHERE place = ? AND id = ?", (place, id_)
        ).fetchone()
        return None if row is None else _Row(row[0], json.loads(row[1]), row[2], row[3])

    def _place(self, home: Home) -> int:
        if home not in self._places:
            self._places[home] = number_of(self._connection, home)
        return self._places[home]

    def _reserve_versions(self, count: int) -> int:
        """The first of `count` new versions; one row of numbers for all, so a document made anew never repeats one."""
        (last,) = self._connection.execute("UPDATE versions SET last = last + ? RETURNING last", (count,)).fetchone()
        return int(last) - count + 1

    def _touched(self, place: int, id_: str) -> None:
        if self._delayed:
            self._connection.execute("INSERT INTO unseen VALUES (?, ?) ON CONFLICT DO NOTHING", (place, id_))


def stored_fields(connection: Connection, tenant: str, dataset: str) -> mapping.Fields:
    """The mapping of a dataset; empty when there is none."""
    row = connection.execute(
        "SELECT fields FROM datasets WHERE tenant = ? AND dataset = ?", (tenant, dataset)
    ).fetchone()
    fields: mapping.Fields = json.loads(row[0]) if row else {}
    return fields


def ensure_dataset(connection: Connection, tenant: str, dataset: str, record_schema: Document) -> None:
    """Adds the schema's fields to the dataset's mapping."""
    fields = mapping.widened(stored_fields(connection, tenant, dataset), mapping.compile_fields(record_schema))
    connection.execute(
        "INSERT INTO datasets (tenant, dataset, fields) VALUES (?, ?, ?)"
        " ON CONFLICT (tenant, dataset) DO UPDATE SET fields = excluded.fields",
        (tenant, dataset, json.dumps(fields)),
    )


def make_visible(connection: Connection, homes: Iterable[Home]) -> None:
    """Brings what changed over into the copy that delayed searches read."""
    for home in homes:
        place = number_of(connection, home)
        changed = connection.execute("SELECT id FROM unseen WHERE place = ?", (place,)).fetchall()
        for (id_,) in changed:
            _copy(connection, home, place, id_)
        connection.execute("DELETE FROM unseen WHERE place = ?", (place,))


def _copy(connection: Connection, home: Home, place: int, id_: str) -> None:
    old = connection.execute("SELECT number, document FROM seen WHERE place = ? AND id = ?", (place, id_)).fetchone()
    if old is not None:
        _unindex(connection, "seen_words", old[0], words_of(home.collection, json.loads(old[1])))
        connection.execute("DELETE FROM seen WHERE number = ?", (old[0],))
    connection.execute("INSERT INTO seen SELECT * FROM documents WHERE place = ? AND id = ?", (place, id_))
    new = connection.execute("SELECT number, document FROM seen WHERE place = ? AND id = ?", (place, id_)).fetchone()
    if new is not None:
        _index(connection, "seen_words", new[0], words_of(home.collection, json.loads(new[1])))


def _stands(row: _Row, write: Write) -> bool:
    """Whether the stored document stays as it is."""
    match write.mode:
        case WriteMode.CREATE:
            return True
        case WriteMode.RANKED:
            return row.rank is not None and write.rank is not None and write.rank <= row.rank
        case WriteMode.PUT:
            return False


def _index(connection: Connection, table: str, number: int | None, words: str | None) -> None:
    if words is not None:
        connection.execute(f"INSERT INTO {table} (rowid, text) VALUES (?, ?)", (number, words))


def _unindex(connection: Connection, table: str, number: int, words: str | None) -> None:
    if words is not None:
        connection.execute(f"INSERT INTO {table} ({table}, rowid, text) VALUES ('delete', ?, ?)", (number, words))
