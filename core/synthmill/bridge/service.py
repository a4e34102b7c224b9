"""The bridge as a service: fresh messages through the main lane, others each alone in a lane of its own."""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress

from synthmill.bridge.child import running_child
from synthmill.bridge.intake import Drop, Feed, JobViews, Unreadable, take_in
from synthmill.bridge.lane import ChildCrashed, Lane
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
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._main: Lane | None = None
        self._failure: BaseException | None = None

    def stop(self) -> None:
        """Takes nothing more; lets what is in flight end."""
        self._stopping.set()

    async def run(self) -> None:
        """Returns after `stop`, when the children have ended and what they did not finish is back in the queue."""
        prefetch = self._services.settings.consumer.prefetch
        async with self._services.broker.consume(Queue.GENERATION, prefetch=prefetch) as consumption:
            stopper = asyncio.create_task(self._stop_taking(consumption))
            try:
                while not self._stopping.is_set():
                    await self._serve(consumption)
            finally:
                stopper.cancel()
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._failure is not None:
            raise self._failure

    async def _stop_taking(self, consumption: Consumption) -> None:
        await self._stopping.wait()
        consumption.stop()
        if self._main is not None:
            self._main.child.drain()

    async def _serve(self, consumption: Consumption) -> None:
        """One life of the main child; when it crashes its requests come again, each alone."""
        settings, store = self._services.settings, self._services.store
        async with running_child(settings) as child:
            lane = self._main = Lane(self._services.database, store, consumption, child)
            feeding = asyncio.create_task(self._feed(consumption, lane))
            watching = asyncio.create_task(watch_jobs(lane, self._views))
            serving = asyncio.create_task(lane.run())
            try:
                await asyncio.wait({feeding, watching, serving}, return_when=asyncio.FIRST_COMPLETED)
                if feeding.done() and not feeding.exception():
                    await self._finish(lane, serving)
                for task in (feeding, watching, serving):
                    if task.done():
                        task.result()
            except ChildCrashed as crash:
                logger.warning("%s; they will be tried again, each alone", crash)
                for delivery in lane.deliveries:
                    await _retry_after_crash(consumption, delivery)
            finally:
                self._main = None
                await _cancelled(feeding, watching, serving)

    async def _finish(self, lane: Lane, serving: asyncio.Task[None]) -> None:
        """The queue was stopped: the child drains, its last answers are written down."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        lane.child.drain()
        with suppress(ChildCrashed):  # what is left inside goes back to the queue with the consumption
            await serving

    async def _feed(self, consumption: Consumption, lane: Lane) -> None:
        async for delivery in consumption:
            await self._take(consumption, lane, delivery)

    async def _take(self, consumption: Consumption, lane: Lane, delivery: Delivery) -> None:
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
            case Feed() as feed if lane.holds(feed.request_id):
                await consumption.settle(delivery, Settlement.ACK)  # a chunk that was published twice
            case Feed() as feed if starts == 1:
                await lane.feed(delivery, feed)
            case Feed() as feed:
                self._spawn(self._serve_alone(consumption, delivery, feed))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._spawned_ended)

    def _spawned_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self.stop()

    async def _serve_alone(self, consumption: Consumption, delivery: Delivery, feed: Feed) -> None:
        """Somebody began this message and did not end it: if it kills its consumer, it kills nobody else's work."""
        async with self._alone, running_child(self._services.settings) as child:
            lane = Lane(self._services.database, self._services.store, consumption, child)
            serving = asyncio.create_task(lane.run())
            watching = asyncio.create_task(watch_jobs(lane, self._views))
            await lane.feed(delivery, feed)
            emptied = asyncio.create_task(lane.empty())
            try:
                await asyncio.wait({serving, watching, emptied}, return_when=asyncio.FIRST_COMPLETED)
                if serving.done():
                    serving.result()
            except ChildCrashed as crash:
                logger.warning("message %s alone: %s", delivery.message.message_id, crash)
                await _retry_after_crash(consumption, delivery)
            finally:
                await _cancelled(serving, watching, emptied)


def _crashes(delivery: Delivery) -> int:
    """How often this message was in a consumer that died."""
    return int(delivery.message.headers.get(EVIDENCE_PREFIX + _CRASHES, 0))


async def _retry_after_crash(consumption: Consumption, delivery: Delivery) -> None:
    evidence = {_CRASHES: str(_crashes(delivery) + 1)}
    await consumption.settle(delivery, Settlement.RETRY, evidence=evidence)


async def _park(consumption: Consumption, delivery: Delivery, reason: str) -> None:
    await consumption.settle(delivery, Settlement.DEAD_LETTER, evidence={"reason": reason})


async def _cancelled(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
