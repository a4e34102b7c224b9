"""A database of its own for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from synthmill.embedded import Database, SqliteBroker, SqliteRecordStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database lies."""
    return tmp_path / "synthmill.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    """An open database."""
    database = await Database.open(path)
    yield database
    await database.close()


@pytest.fixture
async def broker(database: Database) -> SqliteBroker:
    """A broker in the database."""
    broker = SqliteBroker(database)
    await broker.declare()
    return broker


@pytest.fixture
async def store(database: Database) -> SqliteRecordStore:
    """A store in the database."""
    store = SqliteRecordStore(database)
    await store.prepare()
    return store
