"""One consumer of a queue: it leases in batches, waits without polling in its own process, and renews its leases."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from synthmill.embedded import leases
from synthmill.embedded.database import Database
from synthmill.embedded.leases import Leased, Moment
from synthmill.embedded.owners import Owner
from synthmill.embedded.reaper import Reaper
from synthmill.embedded.sqlite import Connection, Durability
from synthmill.errors import BrokerUnavailable, SynthmillError
from synthmill.ports.broker import Delivery, Queue, Settlement

T = TypeVar("T")
logger = logging.getLogger(__name__)

LEASE_SECONDS = 30.0
"""Only a frozen owner's leases run out, so this is how long its messages wait; renewed three times as often."""

LOOK_SECONDS = 0.05
"""How often an idle consumer looks for what other processes published or left behind when they died.

Less than a person notices; a look takes 0.14 ms, and an idle consumer 1.3 % of a core.
"""


class SqliteConsumption:
    """A `Consumption`; made by `SqliteBroker.consume`."""

    def __init__(
        self, database: Database, reaper: Reaper, queue: Queue, *, prefetch: int, lease_seconds: float
    ) -> None:
        self._database = database
        self._reaper = reaper
        self._queue = queue
        self._prefetch = prefetch
        self._lease_seconds = lease_seconds
        self._owner: Owner
        self._ready: deque[Leased] = deque()
        self._in_hand: dict[str, Leased] = {}
        self._stopped = False
        self._changed = asyncio.Event()
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Is a known, living owner until the context ends; then everything unsettled goes back at once."""
        self._owner = await asyncio.to_thread(Owner, self._reaper.folder)
        try:
            await self._write(lambda connection: leases.register(connection, self._owner.id, self._queue))
            renewing = asyncio.create_task(self._renew_for_ever())
            try:
                with self._database.wakeups.listening(self._queue, self._changed):
                    yield
            finally:
                renewing.cancel()
                with suppress(asyncio.CancelledError):
                    await renewing
                await self._give_back()
        finally:
            self._owner.end()

    def __aiter__(self) -> AsyncIterator[Delivery]:
        return self

    async def __anext__(self) -> Delivery:
        async with self._turn:
            while not self._stopped:
                self._changed.clear()  # before looking: what comes after it must not be missed
                next_due = None if self._ready else await self._fill()
                if self._ready and not self._stopped:
                    leased = self._ready.popleft()
                    self._in_hand[leased.delivery.tag] = leased
                    return leased.delivery
                await self._wait(next_due)
            await self._release_ready()
        raise StopAsyncIteration

    async def started(self, delivery: Delivery) -> int:
        """See the port; asking again for the same delivery counts once, and RELEASE takes the count back."""
        leased = self._in_hand.get(delivery.tag)
        if leased is None:
            raise ValueError(f"delivery {delivery.tag} of {delivery.message.message_id} is not in hand")
        return await self._write(lambda connection: leases.begin(connection, self._owner.id, leased))

    async def settle(
        self,
        delivery: Delivery,
        settlement: Settlement,
        *,
        delay_seconds: float = 0.0,
        evidence: Mapping[str, str] | None = None,
    ) -> None:
        """See the port; part of the caller's transaction if there is one."""
        leased = self._in_hand.get(delivery.tag)
        if leased is None:
            return
        if settlement is Settlement.DEAD_LETTER and not self._queue.has_dead:
            raise ValueError(f"{self._queue} has no dead queue")
        due = time.time() + delay_seconds if delay_seconds > 0 else 0.0
        await self._write(
            lambda connection: _settle(connection, self._owner.id, leased, settlement, due, evidence or {}),
            after=lambda: self._settled(delivery.tag, settlement),
        )

    def stop(self) -> None:
        """See the port."""
        self._stopped = True
        self._changed.set()

    @property
    def consuming(self) -> bool:
        """See the port."""
        return not self._stopped

    def _settled(self, tag: str, settlement: Settlement) -> None:
        self._in_hand.pop(tag, None)
        self._changed.set()
        if settlement is Settlement.DEAD_LETTER:
            self._database.wakeups.wake(self._queue.dead)
        elif settlement is not Settlement.ACK:
            self._database.wakeups.wake(self._queue)

    async def _fill(self) -> float | None:
        """Leases as many messages as fit; answers when the next one becomes due."""
        room = self._prefetch - len(self._in_hand)
        if not room:
            return None
        seen = await self._reaper.look(self._queue, self._owner.id)
        if seen.ready:
            await self._lease(room)
        return seen.next_due

    async def _lease(self, room: int) -> None:
        taken: list[Leased] = []

        def take(connection: Connection) -> None:
            now = Moment.now()
            taken[:] = leases.lease(connection, self._queue, self._owner.id, room, now, self._lease_seconds)

        # kept by the commit, not by us: were we cancelled here, nobody would ever hand out what was leased
        await self._write(take, after=lambda: self._ready.extend(taken))

    async def _wait(self, next_due: float | None) -> None:
        full = len(self._in_hand) >= self._prefetch
        patience = None if full else LOOK_SECONDS
        if patience is not None and next_due is not None:
            patience = min(patience, max(0.0, next_due - time.time()))
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._changed.wait()

    async def _renew_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            try:
                await self._write(
                    lambda connection: leases.renew(connection, self._owner.id, Moment.now(), self._lease_seconds)
                )
            except SynthmillError as error:
                logger.warning("renewing the leases on %s failed, trying again: %s", self._queue, error)

    async def _release_ready(self) -> None:
        ready = list(self._ready)
        self._ready.clear()
        if ready:
            await self._write(
                lambda connection: _release_all(connection, self._owner.id, ready),
                after=lambda: self._database.wakeups.wake(self._queue),
            )

    async def _give_back(self) -> None:
        self.stop()
        self._in_hand.clear()
        try:
            await self._release_ready()
            await self._write(
                lambda connection: leases.take_back(connection, self._owner.id),
                after=lambda: self._database.wakeups.wake(self._queue),
            )
        except SynthmillError as error:
            # the owner's lock ends all the same, so whoever looks next takes the messages back
            logger.warning("giving back the deliveries of %s failed, others will notice: %s", self._queue, error)

    async def _write(self, work: Callable[[Connection], T], after: Callable[[], None] | None = None) -> T:
        # what a power cut takes of these only brings a message again; a settlement with results is in their transaction
        return await self._database.write(work, after=after, unavailable=BrokerUnavailable, durability=Durability.KILL)


def _settle(
    connection: Connection,
    owner: str,
    leased: Leased,
    settlement: Settlement,
    due: float,
    evidence: Mapping[str, str],
) -> None:
    match settlement:
        case Settlement.ACK:
            leases.acknowledge(connection, owner, leased)
        case Settlement.RETRY:
            leases.retry(connection, owner, leased, due, evidence)
        case Settlement.RELEASE:
            leases.release(connection, owner, leased, due)
        case Settlement.CONTINUE:
            leases.publish_anew(connection, owner, leased, due)
        case Settlement.DEAD_LETTER:
            leases.bury(connection, owner, leased, evidence)


def _release_all(connection: Connection, owner: str, ready: list[Leased]) -> None:
    for leased in ready:
        leases.release(connection, owner, leased)
