"""One consumer's channel while it lasts: what came over it, and what of that is unsettled.

Deliveries belong to their channel. When it is lost the broker takes them back, so nothing here outlives it.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, ConsumerTag

from synthmill.ports.broker import Delivery, Queue
from synthmill.stack.rabbitmq import census
from synthmill.stack.rabbitmq.envelope import begun_before, copy_of, disclose
from synthmill.stack.rabbitmq.link import CONNECT_SECONDS, close


@dataclass(slots=True)
class Held:
    """A message in our hands; `starts` once its handling has begun."""

    incoming: AbstractIncomingMessage
    delivery: Delivery
    copy: str | None
    before: int
    starts: int | None = None


@dataclass(slots=True)
class Line:
    """A channel that consumes; `ready` are deliveries that nobody was given yet."""

    queue: Queue
    name: str
    number: int
    channel: AbstractChannel
    came: Callable[[], None]  # called when there is a delivery
    gone: Callable[[], None]  # called when the line is lost
    ready: deque[Held] = field(default_factory=deque)
    in_hand: dict[str, Held] = field(default_factory=dict)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    _tag: ConsumerTag | None = None

    async def open(self, census_exchange: str, prefetch: int) -> None:
        """Begins to consume."""
        channel = self.channel
        channel.close_callbacks.add(self._on_close)
        # a queue that is deleted takes its consumers along without closing their channels
        (await channel.get_underlay_channel()).on_consumer_cancel_callbacks.add(self._on_cancel)
        async with asyncio.timeout(CONNECT_SECONDS):
            await channel.set_qos(prefetch_count=prefetch)
            await census.answer(channel, census_exchange, self.name, lambda: len(self.ready) + len(self.in_hand))
            queue = await channel.get_queue(self.name, ensure=False)
            self._tag = await queue.consume(self._on_message)

    async def stop(self) -> None:
        """No further deliveries."""
        if self._tag is not None and not self.lost.is_set():
            queue = await self.channel.get_queue(self.name, ensure=False)
            await queue.cancel(self._tag)

    async def close(self) -> None:
        """Whatever is unsettled goes back to the queue."""
        self.in_hand.clear()
        self.ready.clear()
        await close(self.channel)

    async def _on_message(self, incoming: AbstractIncomingMessage) -> None:
        tag = f"{self.number}.{incoming.delivery_tag}"
        message, begun = disclose(incoming, self.queue), begun_before(incoming)
        delivery = Delivery(self.queue, message, tag, bool(incoming.redelivered), begun)
        self.ready.append(Held(incoming, delivery, copy_of(incoming), begun))
        self.came()

    async def _on_close(self, *_: object) -> None:
        self._lose()

    async def _on_cancel(self, *_: object) -> None:
        self._lose()

    def _lose(self) -> None:
        self.lost.set()
        self.gone()
