"""The broker of the embedded profile: a durable lease queue in the shared SQLite file.

A message in hand carries its owner and the moment its lease ends. Whoever looks for messages notices owners that died
(their `flock` is free) and takes theirs back at once; the lease's end is the net for an owner that is frozen.
Publishing an id that is still in the queue changes nothing: it is the same message, and its coming delivery or the one
in hand stands for both.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from synthmill.embedded import leases
from synthmill.embedded.consumption import LEASE_SECONDS, SqliteConsumption
from synthmill.embedded.database import Database
from synthmill.embedded.reaper import Reaper
from synthmill.errors import BrokerUnavailable
from synthmill.ports.broker import Message, Queue, QueueDepth


class SqliteBroker:
    """A `Broker` in `database`; `locks` is the folder of the owners' lock files, beside the database by default.

    Inside `database.transaction()` publishing and settling are part of that transaction.
    """

    def __init__(self, database: Database, *, locks: Path | None = None, lease_seconds: float = LEASE_SECONDS) -> None:
        self._database = database
        self._reaper = Reaper(database, locks or database.path.parent / "locks")
        self._lease_seconds = lease_seconds

    async def declare(self) -> None:
        """See the port; the tables come with the database."""
        await self._reaper.prepare()

    async def publish(self, queue: Queue, messages: Sequence[Message]) -> None:
        """See the port."""
        await self._database.write(
            lambda connection: leases.publish(connection, queue, messages),
            after=lambda: self._database.wakeups.wake(queue),
            unavailable=BrokerUnavailable,
        )

    @asynccontextmanager
    async def consume(self, queue: Queue, *, prefetch: int) -> AsyncIterator[SqliteConsumption]:
        """See the port."""
        if prefetch < 1:
            raise ValueError(f"prefetch must be at least 1, not {prefetch}")
        consumption = SqliteConsumption(
            self._database, self._reaper, queue, prefetch=prefetch, lease_seconds=self._lease_seconds
        )
        async with consumption.running():
            yield consumption

    async def depth(self, queue: Queue) -> QueueDepth:
        """See the port; delayed messages count as ready, and a dead owner's are taken back first."""
        return await self._reaper.depth(queue)

    async def close(self) -> None:
        """The database is closed by whoever opened it."""
