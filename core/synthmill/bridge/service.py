"""The bridge as a service: fresh messages through the main lane, others each alone in a lane of its own."""

import asyncio
import logging

from synthmill.bridge.child import Child, running_child
from synthmill.bridge.intake import Drop, Feed, JobViews, Unreadable, take_in
from synthmill.bridge.lane import Fed, Lane
from synthmill.bridge.reservations import Reservations
from synthmill.bridge.watch import watch_jobs
from synthmill.embedded import EmbeddedServices
from synthmill.ports.broker import EVIDENCE_PREFIX, Consumption, Delivery, Queue, Settlement

MAX_STARTS = 3
"""A message is parked on its third delivery that began: one crash may be bad luck, two are not.

For a crash only those starts count that ended with the consumer's death before our eyes: when we were killed with it,
the message is served alone from then on, but nothing is held against it. The broker's own limit is the fence there.
"""

_CRASHES = "crashes"

_ALONE_AT_A_TIME = 8  # after a kill of everything, each prefetched message comes again and is served alone
_UNREADABLE_RETRY_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Bridge:
    """Serves the generation queue until `stop`."""

    def __init__(self, services: EmbeddedServices) -> None:
        self._services = services
        self._views = JobViews(services.store)
        self._alone = asyncio.Semaphore(_ALONE_AT_A_TIME)
        self._stopping = asyncio.Event()
        self._main: Lane | None = None
        self._opened = asyncio.Condition()

    def stop(self) -> None:
        """Takes nothing more; lets what is in flight end."""
        self._stopping.set()

    async def run(self) -> None:
        """Returns after `stop`, when the children have ended and what they did not finish is back in the queue."""
        prefetch = self._services.settings.consumer.prefetch
        async with self._services.broker.consume(Queue.GENERATION, prefetch=prefetch) as consumption:
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._stop_taking(consumption))
                    tasks.create_task(self._serve_main(consumption))
                    tasks.create_task(self._take_all(consumption, tasks))
            except BaseExceptionGroup as errors:
                raise errors.exceptions[0] from None

    async def _stop_taking(self, consumption: Consumption) -> None:
        await self._stopping.wait()
        consumption.stop()

    async def _take_all(self, consumption: Consumption, tasks: asyncio.TaskGroup) -> None:
        async for delivery in consumption:
            await self._take(consumption, delivery, tasks)
        child = (await self._lane()).child
        child.drain()
        await child.ended()

    async def _take(self, consumption: Consumption, delivery: Delivery, tasks: asyncio.TaskGroup) -> None:
        starts = await consumption.started(delivery)
        if _crashes(delivery) >= MAX_STARTS - 1:
            await _park(consumption, delivery, f"it began {starts} times, {_crashes(delivery)} times its consumer died")
            return
        match await take_in(self._services.store, self._views, delivery):
            case Drop():
                await consumption.settle(delivery, Settlement.ACK)
            case Unreadable(reason) if starts >= MAX_STARTS:
                await _park(consumption, delivery, f"it is unreadable, tried {starts} times: {reason}")
            case Unreadable(reason):
                logger.warning("message %s is unreadable: %s", delivery.message.message_id, reason)
                await consumption.settle(delivery, Settlement.RETRY, delay_seconds=_UNREADABLE_RETRY_SECONDS)
            case Feed() as feed if starts == 1:
                await self._feed_main(consumption, delivery, feed)
            case Feed() as feed:
                tasks.create_task(self._serve_alone(consumption, delivery, feed))

    async def _feed_main(self, consumption: Consumption, delivery: Delivery, feed: Feed) -> None:
        """Into the main lane, or into the next one if it closes in our hands."""
        while True:
            match await (await self._lane()).feed(delivery, feed):
                case Fed.INSIDE:
                    return
                case Fed.TWICE:  # a chunk that was published twice
                    await consumption.settle(delivery, Settlement.ACK)
                    return
                case Fed.CLOSED:
                    continue

    async def _lane(self) -> Lane:
        """The main lane, as soon as there is an open one."""
        async with self._opened:
            await self._opened.wait_for(lambda: self._main is not None and not self._main.closed)
            if self._main is None:
                raise RuntimeError("the main lane went while it was waited for")
            return self._main

    async def _open_main(self, lane: Lane) -> None:
        async with self._opened:
            self._main = lane
            self._opened.notify_all()

    async def _serve_main(self, consumption: Consumption) -> None:
        """One main child after another; when one crashes its requests come again, each alone."""
        while not self._stopping.is_set():
            async with running_child(self._services.settings) as child:
                lane = self._new_lane(consumption, child)
                await self._open_main(lane)
                await self._serve(lane)
            await self._put_back(consumption, lane)

    async def _serve_alone(self, consumption: Consumption, delivery: Delivery, feed: Feed) -> None:
        """Somebody began this message and did not end it: if it kills its consumer, it kills nobody else's work."""
        async with self._alone, running_child(self._services.settings) as child:
            lane = self._new_lane(consumption, child)
            serving = asyncio.create_task(self._serve(lane))
            await lane.feed(delivery, feed)
            await lane.empty()
            child.drain()
            await child.ended()
            await serving
        await self._put_back(consumption, lane)

    async def _put_back(self, consumption: Consumption, lane: Lane) -> None:
        """What a child left unfinished: after an orderly stop as if it had never begun, after a crash with evidence."""
        async with self._services.database.transaction():
            await lane.reservations.abandon()
        if self._stopping.is_set():
            for delivery in lane.deliveries:
                await consumption.settle(delivery, Settlement.RELEASE)
            return
        for delivery in lane.deliveries:
            logger.warning("synthmill-consumer died with message %s inside", delivery.message.message_id)
            await _retry_after_crash(consumption, delivery)

    async def _serve(self, lane: Lane) -> None:
        """Returns when the child has ended; until then stops in jobs are passed on to it."""
        watching = asyncio.create_task(watch_jobs(lane, self._views))
        try:
            await lane.run()
        finally:
            watching.cancel()

    def _new_lane(self, consumption: Consumption, child: Child) -> Lane:
        database, store = self._services.database, self._services.store
        return Lane(database, store, consumption, child, Reservations(store))


def _crashes(delivery: Delivery) -> int:
    """How often this message was in a consumer that died."""
    return int(delivery.message.headers.get(EVIDENCE_PREFIX + _CRASHES, 0))


async def _retry_after_crash(consumption: Consumption, delivery: Delivery) -> None:
    evidence = {_CRASHES: str(_crashes(delivery) + 1)}
    await consumption.settle(delivery, Settlement.RETRY, evidence=evidence)


async def _park(consumption: Consumption, delivery: Delivery, reason: str) -> None:
    await consumption.settle(delivery, Settlement.DEAD_LETTER, evidence={"reason": reason})
