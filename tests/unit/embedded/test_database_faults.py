"""What the shared file does when the disk is full, another process holds it, or it is not what it should be."""

import asyncio
import os
import sqlite3
import sys
from pathlib import Path

import pytest

from synthmill.embedded import Database, SqliteBroker, SqliteRecordStore, sqlite
from synthmill.embedded.schema import MIGRATIONS
from synthmill.embedded.sqlite import Connection, DatabaseUnusable
from synthmill.errors import BrokerUnavailable, StorageFull, StoreUnavailable
from synthmill.ports.broker import Message, Queue, Settlement
from synthmill.ports.records import Collection, Place, Write
from tests.support.messages import numbered, take_one

EVENTS = Place("default", Collection.EVENTS)


def event(id_: str, size: int = 0) -> Write:
    """An event whose message is `size` characters long."""
    return Write(EVENTS, id_, {"message": "x" * size})


async def limit_pages(database: Database, more: int) -> None:
    """Lets the file grow by so many pages only, so that SQLite reports a full disk."""

    def limit(connection: Connection) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + more:d}")

    await database.write(limit)


async def test_a_full_disk_is_told_and_nothing_confirmed_is_lost(
    database: Database, store: SqliteRecordStore, broker: SqliteBroker
) -> None:
    await store.bulk([event("kept")])
    await limit_pages(database, 10)
    with pytest.raises(StorageFull, match="no space left"):
        await store.bulk([event("too-large", 1 << 20)])
    with pytest.raises(StorageFull, match="no space left"):
        await broker.publish(Queue.JOBS, [Message("too-large", bytes(1 << 20))])
    assert await store.get(EVENTS, "kept") is not None
    assert await store.get(EVENTS, "too-large") is None
    await limit_pages(database, 10_000)
    await store.bulk([event("again", 1 << 20)])
    assert await store.count(EVENTS) == 2


async def test_a_full_disk_in_a_transaction_undoes_all_of_it(
    database: Database, store: SqliteRecordStore, broker: SqliteBroker
) -> None:
    await broker.publish(Queue.GENERATION, numbered(1))
    async with broker.consume(Queue.GENERATION, prefetch=1) as consumption:
        delivery = await take_one(consumption)

        async def write_and_settle(last: Write) -> None:
            async with database.transaction():
                await store.bulk([event("first")])
                await consumption.settle(delivery, Settlement.ACK)
                await store.bulk([last])

        await limit_pages(database, 10)
        with pytest.raises(StorageFull):
            await write_and_settle(event("too-large", 1 << 20))
        assert await store.get(EVENTS, "first") is None
        await limit_pages(database, 10_000)
        await write_and_settle(event("small"))
    assert (await broker.depth(Queue.GENERATION)).ready == 0


async def test_a_file_that_another_process_holds_too_long_is_unavailable(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    database = await Database.open(path)
    holder = sqlite3.connect(path, isolation_level=None)
    try:
        broker, store = SqliteBroker(database), SqliteRecordStore(database)
        await broker.declare()
        holder.execute("BEGIN IMMEDIATE")
        publishing = broker.publish(Queue.JOBS, [Message("m", b"")])
        writing = store.bulk([event("e")])
        outcomes = await asyncio.gather(publishing, writing, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [BrokerUnavailable, StoreUnavailable]
        with pytest.raises(StoreUnavailable, match="locked"):
            async with database.transaction():
                pass
        assert await store.get(EVENTS, "e") is None  # reading does not wait
        holder.execute("ROLLBACK")
        await store.bulk([event("e")])
        assert await store.get(EVENTS, "e") is not None
    finally:
        holder.close()
        await database.close()


async def test_a_file_that_is_no_database_is_not_touched(path: Path) -> None:
    path.write_text("name,price\n" * 1_000)
    with pytest.raises(DatabaseUnusable, match="not a synthmill database"):
        await Database.open(path)
    assert path.read_text() == "name,price\n" * 1_000


async def test_a_damaged_file_is_told(path: Path) -> None:
    database = await Database.open(path)
    await SqliteRecordStore(database).bulk([event(f"e{number}", 1_000) for number in range(500)])
    await database.close()
    with path.open("r+b") as file:
        file.seek(8_192)
        file.write(os.urandom(path.stat().st_size - 8_192))
    database = await Database.open(path)
    try:
        with pytest.raises(DatabaseUnusable, match="damaged"):
            await SqliteRecordStore(database).count(EVENTS, {"message": "y"})
    finally:
        await database.close()


async def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="cannot be used"):
        await Database.open(tmp_path / "nothing" / "synthmill.db")


async def test_an_sqlite_that_is_too_old_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 31, 1))
    with pytest.raises(DatabaseUnusable, match="SQLite"):
        await Database.open(path)


async def test_a_file_of_a_newer_version_is_left_alone(path: Path) -> None:
    await (await Database.open(path)).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(DatabaseUnusable, match="newer"):
        await Database.open(path)


async def test_opening_again_keeps_everything(path: Path) -> None:
    for expected in range(3):
        database = await Database.open(path)
        store = SqliteRecordStore(database)
        await store.prepare()
        assert await store.count(EVENTS) == expected
        await store.bulk([event(f"e{expected}")])
        await database.close()


async def test_a_migration_that_fails_is_not_half_done(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await (await Database.open(path)).close()
    broken = ("CREATE TABLE fresh (name TEXT)", "CREATE TABLE fresh (name TEXT)")
    monkeypatch.setattr(sqlite, "MIGRATIONS", (*MIGRATIONS, broken))
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        await Database.open(path)
    monkeypatch.setattr(sqlite, "MIGRATIONS", (*MIGRATIONS, broken[:1]))
    database = await Database.open(path)
    await database.close()


OPENER = """
import asyncio, sys
from pathlib import Path
from synthmill.embedded import open_embedded
from synthmill.ports.records import Collection, Place, Write
from synthmill.settings import Settings

async def main(home, name):
    async with open_embedded(Settings(home=Path(home))) as services:
        await services.store.bulk([Write(Place("default", Collection.EVENTS), name, {"message": name})])

asyncio.run(main(*sys.argv[1:]))
"""


async def test_several_processes_can_create_the_folder_at_the_same_moment(tmp_path: Path) -> None:
    home = tmp_path / "home"
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", OPENER, str(home), f"e{number}")
        for number in range(4)
    ]
    assert [await process.wait() for process in processes] == [0] * 4
    database = await Database.open(home / "synthmill.db")
    assert await SqliteRecordStore(database).count(EVENTS) == 4
    await database.close()
