"""Publishes with confirms: a publish returns when every message is on disk in its queue."""

import asyncio
from collections.abc import Sequence

from aio_pika import Message as AmqpMessage
from aio_pika.abc import AbstractChannel, FieldValue
from aio_pika.exceptions import DeliveryError

from synthmill.errors import BrokerUnavailable
from synthmill.settings import RabbitSettings
from synthmill.stack.rabbitmq.errors import told
from synthmill.stack.rabbitmq.link import CONNECT_SECONDS, Link, close
from synthmill.stack.rabbitmq.topology import Topology

PIPELINE = 500
"""Messages that are sent before the first confirm is awaited; more gain nothing and hold their frames in memory."""


class Publisher:
    """Has a connection of its own, so that a broker that holds publishers back still takes consumers' acks."""

    def __init__(self, settings: RabbitSettings, topology: Topology) -> None:
        self._topology = topology
        self._confirm_seconds = settings.confirm_seconds
        self._link = Link(settings, "publisher")
        self._channel: AbstractChannel | None = None
        self._turn = asyncio.Lock()

    async def ready(self) -> AbstractChannel:
        """An open channel on a connection over which everything was declared."""
        async with self._turn:
            if self._channel is None or self._channel.is_closed:
                channel = await self._link.channel(confirms=True)
                await self._declare(channel)
                self._channel = channel
            return self._channel

    async def declare(self) -> None:
        """Declares everything, now."""
        channel = await self.ready()
        async with self._turn:
            await self._declare(channel)

    async def publish(self, queue: str, messages: Sequence[AmqpMessage]) -> None:
        """Returns when the broker confirmed all; `BrokerUnavailable` when that is not known of one of them."""
        for start in range(0, len(messages), PIPELINE):
            await self._publish(queue, messages[start : start + PIPELINE])

    async def close(self) -> None:
        """Ends the connection."""
        await self._link.close()

    @property
    def link(self) -> Link:
        """The connection, for questions that need one."""
        return self._link

    async def _publish(self, queue: str, messages: Sequence[AmqpMessage]) -> None:
        channel = await self.ready()
        exchange = channel.default_exchange
        with told(f"publishing to {queue}"):
            async with asyncio.timeout(self._confirm_seconds):
                answers = await asyncio.gather(
                    *(exchange.publish(message, queue, mandatory=True) for message in messages), return_exceptions=True
                )
            faults = [answer for answer in answers if isinstance(answer, BaseException)]
            if any(isinstance(fault, DeliveryError) for fault in faults):
                await self._distrust(channel)
            if faults:
                raise BrokerUnavailable(
                    f"{len(faults)} of {len(messages)} messages for {queue} are not confirmed: {faults[0]!r}"
                ) from faults[0]

    async def _distrust(self, channel: AbstractChannel) -> None:
        """A message was returned or refused: a queue may be gone, so the next publish declares everything again."""
        if self._channel is channel:
            self._channel = None
            await close(channel)

    async def _declare(self, channel: AbstractChannel) -> None:
        with told("declaring the queues"):
            async with asyncio.timeout(CONNECT_SECONDS):
                for declaration in self._topology.declarations():
                    arguments: dict[str, FieldValue] = {**declaration.arguments}
                    await channel.declare_queue(declaration.name, durable=True, arguments=arguments)
                await channel.declare_exchange(self._topology.census, type="fanout", durable=True)
