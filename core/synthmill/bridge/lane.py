"""A lane: one consumer child, the requests inside it, and the loop that writes down its answers."""

import asyncio
from dataclasses import dataclass, field
from enum import Enum, auto

from synthmill.bridge.child import Child
from synthmill.bridge.intake import Feed, JobKey
from synthmill.bridge.reservations import Reservations
from synthmill.bridge.results import Batch, apply
from synthmill.embedded.database import Database
from synthmill.jobs.documents import Changes, change_job
from synthmill.ports.broker import Consumption, Delivery
from synthmill.ports.records import Document, RecordStore
from synthmill_schemas.job import RUNNING_STATES, JobDocument, JobState
from synthmill_schemas.stdio import CancelLine, SettleOutcome

_BATCH_LINES = 500  # in one transaction; more would only make verdicts wait


class Fed(Enum):
    """What became of a request that was handed to a lane."""

    INSIDE = auto()
    TWICE = auto()  # this very request is inside already
    CLOSED = auto()  # the child has ended: try another lane


@dataclass(slots=True)
class _Inside:
    delivery: Delivery
    feed: Feed


@dataclass(slots=True)
class Lane:
    """Feeds one child and applies what it says. `run` returns when the child has ended."""

    database: Database
    store: RecordStore
    consumption: Consumption
    child: Child
    reservations: Reservations
    _inside: dict[str, _Inside] = field(default_factory=dict)
    _lines: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(_BATCH_LINES * 2))
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _closed: bool = False

    @property
    def jobs(self) -> set[JobKey]:
        """The jobs that have requests inside."""
        return {inside.feed.job for inside in self._inside.values()}

    @property
    def deliveries(self) -> list[Delivery]:
        """What is unsettled."""
        return [inside.delivery for inside in self._inside.values()]

    @property
    def closed(self) -> bool:
        """Whether the child has ended."""
        return self._closed

    async def feed(self, delivery: Delivery, feed: Feed) -> Fed:
        """Hands a request to the child."""
        if self._closed:
            return Fed.CLOSED
        if feed.request_id in self._inside:
            return Fed.TWICE
        self._inside[feed.request_id] = _Inside(delivery, feed)
        await self.child.send(feed.line)
        return Fed.INSIDE

    async def cancel(self, job: JobKey, through_round: int) -> None:
        """Tells the child to make no further calls for the job in rounds up to this one."""
        line = CancelLine(tenant=job[0], job_id=job[1], through_round=through_round)
        await self.child.send(line.model_dump_json().encode())

    async def empty(self) -> None:
        """Returns when nothing is inside, or when the child has ended."""
        while self._inside and not self._closed:
            self._changed.clear()
            await self._changed.wait()

    async def run(self) -> None:
        """Serves the child until it ends; what is in `deliveries` then was not finished."""
        reading = asyncio.create_task(self._read())
        try:
            while (lines := await self._next_batch()) is not None:
                await self._apply(lines)
        finally:
            self._closed = True
            self._changed.set()
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self) -> None:
        try:
            async for line in self.child.lines():
                await self._lines.put(line)
        finally:
            await self._lines.put(None)

    async def _next_batch(self) -> list[bytes] | None:
        """All lines that are there, at least one; None at the end."""
        first = await self._lines.get()
        if first is None:
            return None
        batch = [first]
        while len(batch) < _BATCH_LINES and not self._lines.empty():
            line = self._lines.get_nowait()
            if line is None:
                self._lines.put_nowait(None)
                break
            batch.append(line)
        return batch

    async def _apply(self, lines: list[bytes]) -> None:
        deliveries = {request_id: inside.delivery for request_id, inside in self._inside.items()}
        batch = Batch.of(lines)
        applied = await apply(
            self.database, self.store, self.consumption, deliveries, batch, self._claiming(), self.reservations
        )
        for reserved in applied.reserved:
            await self.child.send(reserved.model_dump_json().encode())
        for verdict in applied.verdicts:
            await self.child.send(verdict.model_dump_json().encode())
        for settled in applied.settled:
            await self._ended(settled)

    def _claiming(self) -> set[str]:
        return {inside.feed.job[1] for inside in self._inside.values() if inside.feed.claims}

    async def _ended(self, settled: Document) -> None:
        inside = self._inside.pop(settled["request_id"], None)
        self._changed.set()
        if inside is not None and settled["outcome"] == SettleOutcome.BLOCKED:
            await block(self.store, inside.feed, str(settled["reason"]))


async def block(store: RecordStore, feed: Feed, reason: str) -> None:
    """Stops a job whose provider refuses or cannot be reached; `resume` lets it go on."""

    def decide(job: JobDocument) -> Changes | None:
        if job.state not in RUNNING_STATES or job.round != feed.round:
            return None
        return {"state": JobState.BLOCKED, "reason": reason}

    await change_job(store, *feed.job, decide)
