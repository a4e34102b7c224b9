"""Streams a job's records into a SQLite file, a batch at a time: memory does not grow with their number."""

import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from synthmill.ports.records import Document
from synthmill_flows.gate.checks import TABLE, Cell, Suite, quoted
from synthmill_flows.gate.layout import Layout

BATCH = 1_000
_FOREIGN_SHOWN = 20

Row = dict[str, Any]


@dataclass(slots=True)
class Staged:
    """The file and what was met on the way: how many records, what stands for their contents, which columns."""

    path: Path
    records: int
    record_set: str
    never_met: frozenset[str]
    """Columns that no record has."""


@dataclass(slots=True)
class _Met:
    keys: set[str] = field(default_factory=set)
    digest: Any = field(default_factory=hashlib.sha256)
    records: int = 0


async def stage(documents: AsyncIterator[Document], layout: Layout, path: Path) -> Staged:
    """Writes all of `documents`, accepted slots in order."""
    met = _Met()
    connection = await asyncio.to_thread(_create, path, layout)
    try:
        batch: list[Document] = []
        async for document in documents:
            batch.append(document)
            if len(batch) == BATCH:
                await asyncio.to_thread(_write, connection, layout, batch, met)
                batch = []
        await asyncio.to_thread(_write, connection, layout, batch, met)
        never_met = await asyncio.to_thread(_settle_columns, connection, layout, met)
    finally:
        connection.close()
    return Staged(path, met.records, met.digest.hexdigest(), never_met)


def add_tables(path: Path, suite: Suite) -> None:
    """What the suite's queries look into."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("CREATE TABLE gate_shares (id INTEGER PRIMARY KEY, number, value, low, high)")
        connection.executemany(
            "INSERT INTO gate_shares (number, value, low, high) VALUES (?, ?, ?, ?)",
            ((row.number, row.value, row.low, row.high) for row in suite.shares),
        )
        connection.execute("CREATE INDEX gate_shares_by_value ON gate_shares (number, value)")
        connection.execute("CREATE TABLE gate_values (number, value)")
        connection.executemany(
            "INSERT INTO gate_values VALUES (?, ?)", ((row.number, row.value) for row in suite.values)
        )
        connection.execute("CREATE INDEX gate_values_by_value ON gate_values (number, value)")
        connection.execute("CREATE TABLE gate_pairs (number, first, second)")
        connection.executemany(
            "INSERT INTO gate_pairs VALUES (?, ?, ?)", ((row.number, row.first, row.second) for row in suite.pairs)
        )
        connection.execute("CREATE INDEX gate_pairs_by_values ON gate_pairs (number, first, second)")
    connection.close()


def some_rows(path: Path, query: str, limit: int) -> list[Row]:
    """The first rows of a check's query, by column."""
    connection = sqlite3.connect(path)
    try:
        cursor = connection.execute(query.replace("{batch}", TABLE))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in islice(cursor, limit)]
    finally:
        connection.close()


def _create(path: Path, layout: Layout) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    # The file is ours alone and thrown away: nothing is lost with it when the machine stops.
    connection.execute("PRAGMA journal_mode=OFF")
    connection.execute("PRAGMA synchronous=OFF")
    # No types: with them SQLite would make the text "12" a number.
    names = ", ".join(quoted(name) for name in layout.columns)
    connection.execute(f"CREATE TABLE {TABLE} ({names})")
    return connection


def _write(connection: sqlite3.Connection, layout: Layout, batch: Sequence[Document], met: _Met) -> None:
    rows: list[list[Cell | None]] = []
    for document in batch:
        data = document["data"]
        met.keys.update(data)
        met.digest.update(f"{document['record_id']}:{document['content_hash']}\n".encode())
        rows.append(layout.row(document["record_id"], data))
    places = ", ".join("?" * len(layout.columns))
    connection.execute("BEGIN")
    connection.executemany(f"INSERT INTO {TABLE} VALUES ({places})", rows)
    connection.execute("COMMIT")
    met.records += len(rows)


def _settle_columns(connection: sqlite3.Connection, layout: Layout, met: _Met) -> frozenset[str]:
    """Lets the table's columns say which the records have: one that none has goes by another name, others are added."""
    never_met = {name for name in layout.top if name not in met.keys} if met.records else set()
    for leaf in layout.leaves:
        if leaf.path[0] in never_met:
            connection.execute(
                f"ALTER TABLE {TABLE} RENAME COLUMN {quoted(leaf.name)} TO {quoted(leaf.name + ' none')}"
            )
    for number, _ in enumerate(sorted(met.keys - set(layout.top))[:_FOREIGN_SHOWN], start=1):
        connection.execute(f"ALTER TABLE {TABLE} ADD COLUMN {quoted(f'_foreign_{number}')}")
    return frozenset(never_met)
