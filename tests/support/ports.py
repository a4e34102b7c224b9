"""The adapters that the contract tests run over, and how another process opens the same one.

An adapter of a port is an opener: location in, adapter out. `location` is text, so that it can be handed to a process:
a folder for the embedded adapters, a URL for a server. A new adapter is one more line in these tables.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from synthmill.embedded import Database, DirectoryObjectStore, SqliteBroker, SqliteRecordStore
from synthmill.embedded.consumption import LEASE_SECONDS
from synthmill.ports.broker import Broker
from synthmill.ports.objects import ObjectStore
from synthmill.ports.records import RecordStore
from tests.support import stack


@asynccontextmanager
async def _directory(location: str) -> AsyncIterator[ObjectStore]:
    store = DirectoryObjectStore(Path(location) / "objects")
    yield store
    await store.close()


@asynccontextmanager
async def _sqlite_broker(location: str, *, lease_seconds: float = LEASE_SECONDS) -> AsyncIterator[Broker]:
    database = await Database.open(Path(location) / "synthmill.db")
    try:
        broker = SqliteBroker(database, lease_seconds=lease_seconds)
        await broker.declare()
        yield broker
        await broker.close()
    finally:
        await database.close()


@asynccontextmanager
async def _sqlite_store(location: str, *, visibility_delay: bool = False) -> AsyncIterator[RecordStore]:
    database = await Database.open(Path(location) / "synthmill.db")
    try:
        store = SqliteRecordStore(database, visibility_delay=visibility_delay)
        await store.prepare()
        yield store
        await store.close()
    finally:
        await database.close()


OBJECT_STORES: dict[str, Callable[[str], AbstractAsyncContextManager[ObjectStore]]] = {
    "directory": _directory,
    "minio": stack.minio,
}
BROKERS: dict[str, Callable[[str], AbstractAsyncContextManager[Broker]]] = {
    "sqlite": _sqlite_broker,
    "rabbitmq": stack.rabbitmq,
}
SPECIAL_BROKERS: dict[str, Callable[[str], AbstractAsyncContextManager[Broker]]] = {
    "sqlite-short-leases": lambda location: _sqlite_broker(location, lease_seconds=0.5),
}
"""For tests of one adapter; the contract tests leave them out."""

RECORD_STORES: dict[str, Callable[[str], AbstractAsyncContextManager[RecordStore]]] = {
    "sqlite": _sqlite_store,
    "sqlite-delayed": lambda location: _sqlite_store(location, visibility_delay=True),
    "elasticsearch": stack.elasticsearch,
}

ON_SERVERS = {"minio", "rabbitmq", "elasticsearch"}
REMOVERS: dict[str, Callable[[str], Awaitable[None]]] = {
    "minio": stack.remove_bucket,
    "rabbitmq": stack.remove_queues,
}
"""How a test's place on a server is taken away again; indexes, slow to make, are shared by a whole test run."""


@dataclass(frozen=True, slots=True)
class At:
    """An adapter by name, and where its data lies."""

    adapter: str
    location: str

    def broker(self) -> AbstractAsyncContextManager[Broker]:
        """Opens the broker there; a second call is a second client."""
        return (BROKERS | SPECIAL_BROKERS)[self.adapter](self.location)

    def store(self) -> AbstractAsyncContextManager[RecordStore]:
        """Opens the record store there; a second call is a second client."""
        return RECORD_STORES[self.adapter](self.location)

    def objects(self) -> AbstractAsyncContextManager[ObjectStore]:
        """Opens the object store there."""
        return OBJECT_STORES[self.adapter](self.location)

    async def remove(self) -> None:
        """Takes away what lies there, when that is not a folder of the test's own."""
        if self.adapter in REMOVERS:
            await REMOVERS[self.adapter](self.location)
