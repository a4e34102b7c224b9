"""One queue and its handler: decode → handle → settle, and every delivery is settled in one place."""

import asyncio
import itertools
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from synthmill import logs, tracing
from synthmill.errors import Retriable, SynthmillError
from synthmill.jobs.lease import LeaseLost
from synthmill.ports.broker import Consumption, Delivery, Message, Queue, Settlement
from synthmill.services import Services
from synthmill_worker import metrics
from synthmill_worker.handlers.words import Handled
from synthmill_worker.verdict import Verdict, done, full_jitter, judge

MAX_STARTS = 3
"""A message is given up on its third delivery that began (design §6)."""

_FAILURES_KEPT = 10_000
_DEAD_END_SECONDS = 300.0  # a dead letter that cannot be drained has nowhere else to go
_ENDS_FAILURES = frozenset({Settlement.ACK, Settlement.CONTINUE, Settlement.DEAD_LETTER})

logger = logging.getLogger(__name__)

Handler = Callable[[Services, Message], Awaitable[Handled]]


@dataclass(slots=True)
class Lane:
    """One queue and its handler."""

    services: Services
    queue: Queue
    handler: Handler
    prefetch: int
    _consumption: Consumption | None = None
    _stopped: bool = False
    _running: set[asyncio.Task[None]] = field(default_factory=set)
    _broken: BaseException | None = None
    _failures: dict[str, tuple[int, str]] = field(default_factory=dict)

    def stop_taking(self) -> None:
        """No further deliveries; `run` returns when those in hand are settled."""
        self._stopped = True
        if self._consumption is not None:
            self._consumption.stop()

    async def run(self) -> None:
        """Serves the queue. Cancelled, it leaves what is in hand to the broker, which delivers it again at once."""
        async with self.services.broker.consume(self.queue, prefetch=self.prefetch) as consumption:
            self._consumption = consumption
            if self._stopped:
                consumption.stop()
            try:
                async for delivery in consumption:
                    await self._dispatch(consumption, delivery)
                await self._empty_hands()
            finally:
                await self._abort()
        if self._broken is not None:
            raise self._broken

    async def _dispatch(self, consumption: Consumption, delivery: Delivery) -> None:
        """A suspect is served alone: if it kills its process, it takes nobody else's work along.

        That a message was lost does not stay with it: one that is released because its job's lease is still taken
        comes as a new copy, which tells only that it had begun.
        """
        if delivery.suspect:
            await self._empty_hands()
        task = asyncio.create_task(self._serve(consumption, delivery))
        self._running.add(task)
        task.add_done_callback(self._ended)
        if delivery.suspect:
            await self._empty_hands()

    async def _empty_hands(self) -> None:
        if self._running:
            await asyncio.wait(set(self._running))

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Handlers' errors are verdicts; what ends a task is the broker, and without it the lane ends too."""
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._broken = task.exception()
            self.stop_taking()

    async def _abort(self) -> None:
        running = set(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    @property
    def consuming(self) -> bool:
        """Whether messages come as soon as there are any."""
        return self._consumption is not None and self._consumption.consuming

    async def _serve(self, consumption: Consumption, delivery: Delivery) -> None:
        """Handles a delivery; what is logged meanwhile carries its ids."""
        message = delivery.message
        trace = tracing.parse(message.headers.get(tracing.HEADER))
        with tracing.following(trace), logs.bound(message_id=message.message_id):
            starts = await self._begun(consumption, delivery)
            if starts is not None:
                await self._handle(consumption, delivery, starts)

    async def _handle(self, consumption: Consumption, delivery: Delivery, starts: int) -> None:
        """The one place where a delivery is settled."""
        queue, began = self.queue.value, time.monotonic()
        with metrics.IN_HAND.held(queue=queue):
            verdict = self._possible(await self._verdict(consumption, delivery, starts))
            await consumption.settle(
                delivery, verdict.settlement, delay_seconds=verdict.delay_seconds, evidence=verdict.evidence
            )
        metrics.HANDLING.observe(time.monotonic() - began, queue=queue)
        metrics.MESSAGES.add(queue=queue, outcome=verdict.outcome)
        if verdict.settlement in _ENDS_FAILURES:
            self._failures.pop(delivery.message.message_id, None)

    async def _begun(self, consumption: Consumption, delivery: Delivery) -> int | None:
        """How often handling began; waits while that cannot be noted. None: stopped meanwhile, the broker keeps it."""
        for failures in itertools.count(1):
            try:
                return await consumption.started(delivery)
            except Retriable as error:
                seconds = full_jitter(failures)
                message_id = delivery.message.message_id
                logger.warning("message %s on %s waits %.1f s to begin: %s", message_id, self.queue, seconds, error)
            await asyncio.sleep(seconds)
            if self._stopped:
                break
        return None

    async def _verdict(self, consumption: Consumption, delivery: Delivery, starts: int) -> Verdict:
        message = delivery.message
        if starts >= MAX_STARTS and self.queue.has_dead:
            return self._give_up(message, starts)
        try:
            handled = await self.handler(self.services, message)
        except asyncio.CancelledError:
            # we are to stop: the message goes to another worker at once, and this beginning does not count
            await consumption.settle(delivery, Settlement.RELEASE)
            logger.info("message %s on %s is handed over", message.message_id, self.queue)
            raise
        except Exception as error:  # noqa: BLE001 — whatever a handler raises is a verdict on its message
            return self._failed(message, error)
        logger.info("message %s on %s: %s", message.message_id, self.queue, handled)
        return done(handled)

    def _give_up(self, message: Message, starts: int) -> Verdict:
        _, last = self._failures.get(message.message_id, (0, "its process ended each time"))
        reason = f"its handling began {starts} times and never ended well; {last}"
        logger.error("message %s on %s is given up: %s", message.message_id, self.queue, reason)
        return Verdict(Settlement.DEAD_LETTER, evidence={"reason": reason, "starts": str(starts)})

    def _failed(self, message: Message, error: Exception) -> Verdict:
        if len(self._failures) > _FAILURES_KEPT:
            self._failures.clear()  # of messages that others served since: it only costs them their longer waits
        before, _ = self._failures.get(message.message_id, (0, ""))
        told = f"{type(error).__name__}: {error}"
        self._failures[message.message_id] = (before + 1, f"the last error was {told}")
        verdict = judge(error, before + 1)
        if isinstance(error, LeaseLost):
            metrics.LEASES_LOST.add()
        expected = isinstance(error, SynthmillError)
        logger.log(
            logging.WARNING if expected else logging.ERROR,
            "message %s on %s: %s; %s in %.1f s",
            message.message_id,
            self.queue,
            told,
            verdict.settlement,
            verdict.delay_seconds,
            exc_info=None if expected else error,
        )
        return verdict

    def _possible(self, verdict: Verdict) -> Verdict:
        if verdict.settlement is Settlement.DEAD_LETTER and not self.queue.has_dead:
            return Verdict(Settlement.RETRY, _DEAD_END_SECONDS)
        return verdict
