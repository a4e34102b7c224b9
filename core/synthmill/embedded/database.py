"""The one SQLite file of the embedded profile, shared by its broker, its record store and other processes.

What was confirmed survives a power cut: a commit waits for the disk, unless all of its writes say that surviving a
kill is enough. Writes that wait at the same moment share one commit, and with it one wait. Writes go through one
connection in a thread of its own, reads outside a transaction through a second one, so that a long search never holds
up the broker.

The file must lie on a local disk: WAL works through shared memory, which network folders do not have.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from synthmill.embedded import sqlite
from synthmill.embedded.sqlite import Connection, Durability, Work
from synthmill.embedded.wakeups import Wakeups
from synthmill.errors import Retriable, StoreUnavailable

T = TypeVar("T")
After = Callable[[], None]

TOGETHER = 64
"""At most so many waiting writes share a commit: more gains little and delays the first of them."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """A write that waits to share a commit."""

    work: Work[Any]
    after: After | None
    unavailable: type[Retriable]
    durability: Durability
    outcome: asyncio.Future[Any]
    taken: bool = False


class Database:
    """One process's access to the file: `await Database.open(path)`, at the end `await close()`."""

    def __init__(self, path: Path, writer: "_Line", reader: "_Line") -> None:
        self.path = path
        self.wakeups = Wakeups()
        self._writer = writer
        self._reader = reader
        self._lock = asyncio.Lock()
        self._owner: asyncio.Task[Any] | None = None
        self._after: list[After] = []
        self._waiting: list[_Waiting] = []

    @classmethod
    async def open(cls, path: Path) -> "Database":
        """Opens or creates the file and brings its tables up to date; `DatabaseUnusable` when it cannot serve."""
        path = path.absolute()
        writer = await _Line.open(path, sqlite.set_up)
        try:
            return cls(path, writer, await _Line.open(path, sqlite.connect))
        except BaseException:
            await writer.close()
            raise

    async def close(self) -> None:
        """Finishes what is under way, then closes."""
        await self._reader.close()
        await self._writer.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """What this task does with the database inside is one transaction: all of it or nothing.

        It belongs to the task that opened it, so do not spread its calls over other tasks; used again inside, it
        joins. Other tasks and processes wait for its end: await nothing slow in it.
        """
        task = asyncio.current_task()
        if self._owner is task:
            yield
            return
        async with self._lock:
            self._after = []
            try:
                await self._writer.run(sqlite.begin)
                self._owner = task
                yield
            except BaseException:
                self._owner = None
                await self._writer.run(sqlite.roll_back)
                raise
            self._owner = None
            await finished(asyncio.ensure_future(self._commit()))

    async def write(
        self,
        work: Work[T],
        *,
        after: After | None = None,
        unavailable: type[Retriable] = StoreUnavailable,
        durability: Durability = Durability.POWER_CUT,
    ) -> T:
        """Runs `work` in the task's transaction, or in one of its own and then durable on return.

        `after` is called once it is committed. A `work` that raises leaves no trace. `durability` is for a commit of
        its own; it may be higher, never lower.
        """
        if self._owner is asyncio.current_task():
            result = await self._writer.run(lambda connection: sqlite.in_savepoint(connection, work), unavailable)
            if after is not None:
                self._after.append(after)
            return result
        outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(work, after, unavailable, durability, outcome)
        self._waiting.append(waiting)
        try:
            async with self._lock:
                if not waiting.taken:
                    await finished(asyncio.ensure_future(self._commit_waiting()))
        except asyncio.CancelledError:
            if not waiting.taken:
                self._waiting.remove(waiting)
            raise
        return await finished(outcome)

    async def read(self, work: Work[T], *, unavailable: type[Retriable] = StoreUnavailable) -> T:
        """Runs a `work` that only reads; it sees the task's own transaction, else what is committed."""
        line = self._writer if self._owner is asyncio.current_task() else self._reader
        return await line.run(work, unavailable)

    async def read_committed(self, work: Work[T], *, unavailable: type[Retriable] = StoreUnavailable) -> T:
        """Runs a `work` that only reads what is committed; temporary tables last from call to call."""
        return await self._reader.run(work, unavailable)

    async def _commit(self) -> None:
        try:
            await self._writer.run(sqlite.commit)
        except BaseException:
            await self._writer.run(sqlite.roll_back)
            raise
        for after in self._after:
            after()

    async def _commit_waiting(self) -> None:
        batch, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
        for waiting in batch:
            waiting.taken = True
        works = [waiting.work for waiting in batch]
        power_cut = any(waiting.durability is Durability.POWER_CUT for waiting in batch)
        durability = Durability.POWER_CUT if power_cut else Durability.KILL
        try:
            outcomes = await self._writer.raw(lambda connection: sqlite.in_one_commit(connection, works, durability))
        except Exception as error:  # noqa: BLE001 - told to each who waits
            outcomes = [sqlite.Failed(error)] * len(batch)
        for waiting, outcome in zip(batch, outcomes, strict=True):
            self._tell(waiting, outcome)

    def _tell(self, waiting: _Waiting, outcome: object) -> None:
        if isinstance(outcome, sqlite.Failed):
            waiting.outcome.set_exception(sqlite.told_error(outcome.error, self.path, waiting.unavailable))
            waiting.outcome.exception()  # one who was cancelled meanwhile never asks, which is no fault
            return
        waiting.outcome.set_result(outcome)
        if waiting.after is not None:
            waiting.after()


class _Line:
    """A connection and the one thread that uses it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"sqlite-{path.name}")
        self._connection: Connection | None = None

    @classmethod
    async def open(cls, path: Path, connect: Callable[[Path], Connection]) -> "_Line":
        line = cls(path)
        try:
            with sqlite.errors_told(path, StoreUnavailable):
                line._connection = await line._call(lambda: connect(path))
        except BaseException:
            line._thread.shutdown(wait=False)
            raise
        return line

    async def run(self, work: Work[T], unavailable: type[Retriable] = StoreUnavailable) -> T:
        """Runs `work` in the thread; its errors are told as ours."""
        with sqlite.errors_told(self._path, unavailable):
            return await self.raw(work)

    async def raw(self, work: Work[T]) -> T:
        """Runs `work` in the thread; its errors come as they are."""
        connection = self._connection
        if connection is None:
            raise StoreUnavailable(f"{self._path} was closed: open it again")
        return await self._call(lambda: work(connection))

    async def close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await self._call(connection.close)
        self._thread.shutdown(wait=False)

    async def _call(self, call: Callable[[], T]) -> T:
        return await finished(asyncio.get_running_loop().run_in_executor(self._thread, call))


async def finished(future: "asyncio.Future[T]") -> T:
    """Waits for the future even when cancelled meanwhile, and only then passes the cancellation on.

    A step of a transaction cannot be taken back from its thread; leaving it behind would mix it with the next one.
    """
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return future.result()
    if not future.cancelled():
        future.exception()  # seen: the cancellation comes first
    raise cancelled
