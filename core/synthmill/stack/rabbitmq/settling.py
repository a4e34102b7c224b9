"""How deliveries of one queue end: what is published in their place, and what is noted about their beginning."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress

from synthmill.errors import BrokerUnavailable, Retriable
from synthmill.ports.broker import Queue, Settlement
from synthmill.stack.rabbitmq.envelope import dead_letter, enclose, with_evidence
from synthmill.stack.rabbitmq.errors import GONE
from synthmill.stack.rabbitmq.line import Held, Line
from synthmill.stack.rabbitmq.publisher import Publisher
from synthmill.stack.rabbitmq.starts import Starts
from synthmill.stack.rabbitmq.topology import Topology

logger = logging.getLogger(__name__)


class Settler:
    """Settles for the consumer of `queue`."""

    def __init__(self, queue: Queue, topology: Topology, publisher: Publisher, starts: Starts) -> None:
        self.queue = queue
        self._topology = topology
        self._publisher = publisher
        self._starts = starts

    async def begin(self, held: Held) -> int:
        """Notes that handling begins, once a delivery; answers how often it did."""
        if held.starts is None:
            held.starts = await self._starts.begin(self.queue, held.delivery.message.message_id, held.copy, held.before)
        return held.starts

    async def settle(
        self, line: Line, held: Held, settlement: Settlement, delay_seconds: float, evidence: Mapping[str, str]
    ) -> None:
        """First the message is safe where it shall be, then its delivery ends: a crash between leaves it in both.

        When it cannot be sent there it goes back to the queue's head.
        """
        try:
            await self._send_on(held, settlement, delay_seconds, evidence)
        except BrokerUnavailable as error:
            logger.warning("message %s could not be moved and goes back: %s", held.delivery.message.message_id, error)
            line.in_hand.pop(held.delivery.tag, None)
            with suppress(*GONE):  # with a lost channel it has gone back already
                await held.incoming.nack(requeue=True)
            return
        line.in_hand.pop(held.delivery.tag, None)
        await self._end(held)

    async def give_back(self, line: Line) -> None:
        """Returns what nobody was given yet, as if it had never been delivered."""
        unseen = list(line.ready)
        line.ready.clear()
        try:
            await asyncio.gather(*(self._send_on(held, Settlement.RELEASE, 0, {}) for held in unseen))
        except Retriable as error:
            logger.warning("%d messages of %s go back as redelivered: %s", len(unseen), self.queue, error)
            return
        for held in unseen:
            await self._end(held)

    async def _send_on(
        self, held: Held, settlement: Settlement, delay_seconds: float, evidence: Mapping[str, str]
    ) -> None:
        """Publishes what the settlement asks for: nothing, a new copy, or a dead letter.

        A release is a new copy too: put back into the queue the message would count as delivered in vain, and after 20
        times the broker would take it for dead, which an outage of minutes brings about.
        """
        message = held.delivery.message
        match settlement:
            case Settlement.ACK:
                return
            case Settlement.DEAD_LETTER:
                dead = dead_letter(with_evidence(message, evidence), self.queue, await self._count(held))
                await self._publisher.publish(self._topology.name(self.queue.dead), [enclose(dead)])
            case Settlement.RETRY:
                known = with_evidence(message, evidence)
                again = enclose(known, begun=await self._count(held))
                await self._publisher.publish(self._target(delay_seconds), [again])
            case Settlement.RELEASE:
                again = enclose(message, begun=await self._count(held) - (1 if held.starts is not None else 0))
                await self._publisher.publish(self._target(delay_seconds), [again])
            case Settlement.CONTINUE:
                await self._publisher.publish(self._target(delay_seconds), [enclose(message)])

    def _target(self, delay_seconds: float) -> str:
        if delay_seconds > 0:
            return self._topology.waiting(self.queue, delay_seconds)
        return self._topology.name(self.queue)

    async def _count(self, held: Held) -> int:
        """How often handling began; asks the store only when it may know more than we."""
        if held.starts is not None:
            return held.starts
        if not held.delivery.redelivered:
            return held.before
        return await self._starts.count(self.queue, held.delivery.message.message_id, held.copy, held.before)

    async def _end(self, held: Held) -> None:
        try:
            await held.incoming.ack()
        except GONE:
            return  # the broker took it back; its count stays with it
        if held.starts is not None or held.delivery.redelivered:
            await self._starts.forget(self.queue, held.delivery.message.message_id, held.copy)
