"""One consumer of a RabbitMQ queue: it hands out deliveries, and comes back after the connection was lost."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from synthmill.errors import BrokerUnavailable, SynthmillError
from synthmill.ports.broker import Delivery, Settlement
from synthmill.stack.rabbitmq.errors import GONE
from synthmill.stack.rabbitmq.line import Line
from synthmill.stack.rabbitmq.settling import Settler

logger = logging.getLogger(__name__)

FIRST_WAIT_SECONDS = 0.2
LAST_WAIT_SECONDS = 10.0
"""Between attempts to reach a broker that is gone: they cost next to nothing, and its return is soon noticed."""

LEAVE_SECONDS = 5.0

Callback = Callable[[], None]
Connect = Callable[[int, Callback, Callback], Awaitable[Line]]
"""Opens line number n, which calls the first function when a delivery came and the second when it is lost."""


class RabbitConsumption:
    """A `Consumption`; made by `RabbitBroker.consume`."""

    def __init__(self, settler: Settler, connect: Connect) -> None:
        self._settler = settler
        self._connect = connect
        self._lines = 0
        self._line: Line
        self._stopped = False
        self._came = asyncio.Event()
        self._attention = asyncio.Event()
        self._given_back = asyncio.Event()
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Consumes until the context ends; `BrokerUnavailable` when the broker cannot be reached at first."""
        self._line = await self._new_line()
        keeping = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            self.stop()
            try:
                await keeping
            finally:
                await self._line.close()

    def __aiter__(self) -> AsyncIterator[Delivery]:
        return self

    async def __anext__(self) -> Delivery:
        async with self._turn:
            while not self._stopped:
                self._came.clear()  # before looking: what comes after it must not be missed
                if self._line.ready:
                    held = self._line.ready.popleft()
                    self._line.in_hand[held.delivery.tag] = held
                    return held.delivery
                await self._came.wait()
            await self._given_back.wait()
        raise StopAsyncIteration

    async def started(self, delivery: Delivery) -> int:
        """See the port. Of a delivery that the broker took back, whoever has it now does the counting."""
        held = self._line.in_hand.get(delivery.tag)
        return 1 if held is None else await self._settler.begin(held)

    async def settle(
        self,
        delivery: Delivery,
        settlement: Settlement,
        *,
        delay_seconds: float = 0.0,
        evidence: Mapping[str, str] | None = None,
    ) -> None:
        """See the port."""
        line = self._line
        held = line.in_hand.get(delivery.tag)
        if held is None:
            return
        if settlement is Settlement.DEAD_LETTER and not self._settler.queue.has_dead:
            raise ValueError(f"{self._settler.queue} has no dead queue")
        await self._settler.settle(line, held, settlement, delay_seconds, evidence or {})

    def stop(self) -> None:
        """See the port."""
        self._stopped = True
        self._came.set()
        self._attention.set()

    @property
    def consuming(self) -> bool:
        """See the port."""
        return not self._stopped and not self._line.lost.is_set()

    async def _keep(self) -> None:
        """Comes back when the line is lost; when stopped gives back what nobody was given."""
        try:
            while not self._stopped:
                await self._attention.wait()
                self._attention.clear()
                if self._line.lost.is_set() and not self._stopped:
                    await self._come_back()
            await self._leave()
        finally:
            self.stop()  # should we end by an error, nobody waits for deliveries that cannot come
            self._given_back.set()

    async def _come_back(self) -> None:
        logger.warning("the broker took back what was delivered from %s, connecting again", self._line.name)
        await self._line.close()
        bound = FIRST_WAIT_SECONDS
        while not self._stopped:
            await self._pause(random.uniform(bound / 2, bound))  # noqa: S311 - spreads load, guards nothing
            bound = min(bound * 2, LAST_WAIT_SECONDS)
            try:
                self._line = await self._new_line()
            except SynthmillError as error:  # whatever it is, somebody may mend it while we wait
                logger.warning("%s is not consumed yet: %s", self._line.name, error)
                continue
            logger.info("%s is consumed again", self._line.name)
            return

    async def _pause(self, seconds: float) -> None:
        """Waits, unless we are stopped meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                while not self._stopped:
                    await self._attention.wait()
                    self._attention.clear()
        except TimeoutError:
            return

    async def _leave(self) -> None:
        line = self._line
        try:
            await line.stop()
            await asyncio.sleep(0)  # the last deliveries came before the answer, in tasks of their own
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._settler.give_back(line)
        except (*GONE, BrokerUnavailable) as error:
            logger.debug("%s was lost while it was left: %r", line.name, error)

    async def _new_line(self) -> Line:
        self._lines += 1
        return await self._connect(self._lines, self._came.set, self._attention.set)
