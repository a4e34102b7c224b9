"""Looks at a queue, and takes back what dead owners held of it."""

import asyncio
from functools import partial
from pathlib import Path
from typing import TypeVar

from synthmill.embedded import leases, owners
from synthmill.embedded.database import Database
from synthmill.embedded.leases import Look, Moment
from synthmill.embedded.sqlite import Connection, Durability, Work
from synthmill.errors import BrokerUnavailable
from synthmill.ports.broker import Queue, QueueDepth

T = TypeVar("T")


class Reaper:
    """Knows the owners by their lock files in `folder`."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self.folder = folder

    async def prepare(self) -> None:
        """Creates the folder of the lock files."""
        await asyncio.to_thread(self.folder.mkdir, parents=True, exist_ok=True)

    async def look(self, queue: Queue, owner: str) -> Look:
        """What the queue has now for `owner`, after dead owners gave back theirs."""
        while True:
            seen, dead = await self._read(partial(_look, folder=self.folder, queue=queue, owner=owner))
            if not dead:
                return seen
            await self._bury(dead)

    async def depth(self, queue: Queue) -> QueueDepth:
        """How much the queue holds, after dead owners gave back theirs."""
        await self.look(queue, owner="")
        return await self._read(partial(_depth, queue=queue))

    async def _bury(self, dead: list[str]) -> None:
        freed: set[Queue] = set()

        def take_back(connection: Connection) -> None:
            for owner in dead:
                freed.update(leases.take_back(connection, owner))

        def tell() -> None:
            for queue in freed:
                self._database.wakeups.wake(queue)
            for owner in dead:
                owners.forget(self.folder, owner)

        await self._database.write(take_back, after=tell, unavailable=BrokerUnavailable, durability=Durability.KILL)

    async def _read(self, work: Work[T]) -> T:
        return await self._database.read(work, unavailable=BrokerUnavailable)


def _look(connection: Connection, folder: Path, queue: Queue, owner: str) -> tuple[Look, list[str]]:
    dead = [known for known in leases.owners(connection, queue) if owners.is_dead(folder, known)]
    return leases.look(connection, queue, owner, Moment.now()), dead


def _depth(connection: Connection, queue: Queue) -> QueueDepth:
    ready, unsettled = leases.counts(connection, queue)
    return QueueDepth(ready=ready, unsettled=unsettled, consumers=len(leases.owners(connection, queue)))
