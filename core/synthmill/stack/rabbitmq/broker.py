"""The broker of the stack profile: durable quorum queues of RabbitMQ, on which a confirmed message is not lost."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from synthmill.errors import BrokerUnavailable
from synthmill.ports.broker import Message, Queue, QueueDepth
from synthmill.ports.records import RecordStore
from synthmill.settings import RabbitSettings
from synthmill.stack.rabbitmq import census
from synthmill.stack.rabbitmq.consumption import Callback, RabbitConsumption
from synthmill.stack.rabbitmq.envelope import enclose
from synthmill.stack.rabbitmq.errors import told
from synthmill.stack.rabbitmq.line import Line
from synthmill.stack.rabbitmq.link import CONNECT_SECONDS, Link, close
from synthmill.stack.rabbitmq.publisher import Publisher
from synthmill.stack.rabbitmq.settling import Settler
from synthmill.stack.rabbitmq.starts import Starts
from synthmill.stack.rabbitmq.topology import Topology

MAX_PREFETCH = 65_535  # AMQP has two bytes for it


class RabbitBroker:
    """A `Broker`; `store` keeps how often messages began to be handled."""

    def __init__(self, settings: RabbitSettings, store: RecordStore) -> None:
        self._topology = Topology.declared(settings.prefix)
        self._publisher = Publisher(settings, self._topology)
        self._consuming = Link(settings, "consumer")
        self._starts = Starts(store, settings.prefix)

    async def declare(self) -> None:
        """See the port; `UserError` when a queue exists with other arguments."""
        await self._publisher.declare()

    async def publish(self, queue: Queue, messages: Sequence[Message]) -> None:
        """See the port."""
        await self._publisher.publish(self._topology.name(queue), [enclose(message) for message in messages])

    @asynccontextmanager
    async def consume(self, queue: Queue, *, prefetch: int) -> AsyncIterator[RabbitConsumption]:
        """See the port; all consumers share one connection, each has a channel."""
        if not 1 <= prefetch <= MAX_PREFETCH:
            raise ValueError(f"prefetch must be 1 to {MAX_PREFETCH}, not {prefetch}")

        async def connect(number: int, came: Callback, gone: Callback) -> Line:
            return await self._line(queue, prefetch, number, came, gone)

        settler = Settler(queue, self._topology, self._publisher, self._starts)
        consumption = RabbitConsumption(settler, connect)
        async with consumption.running():
            yield consumption

    async def depth(self, queue: Queue) -> QueueDepth:
        """See the port; messages that wait to be retried count as ready."""
        await self._publisher.ready()
        name = self._topology.name(queue)
        with told(f"asking how much {name} holds"):
            async with asyncio.timeout(CONNECT_SECONDS), self._publisher.link.passing_channel() as channel:
                names = [name, *self._topology.all_waiting(queue)]
                declared = [(await channel.declare_queue(each, passive=True)).declaration_result for each in names]
                ready = [found.message_count or 0 for found in declared]
                consumers = declared[0].consumer_count or 0
                if not consumers:
                    return QueueDepth(ready=sum(ready), unsettled=0, consumers=0)
                unsettled = await census.ask(channel, self._topology.census, name, consumers)
                # asked again: what was given back during the census would else be counted nowhere
                again = (await channel.declare_queue(name, passive=True)).declaration_result.message_count or 0
        return QueueDepth(ready=max(ready[0], again) + sum(ready[1:]), unsettled=unsettled, consumers=consumers)

    async def close(self) -> None:
        """See the port."""
        await self._consuming.close()
        await self._publisher.close()

    async def _line(self, queue: Queue, prefetch: int, number: int, came: Callback, gone: Callback) -> Line:
        await self._publisher.ready()  # after a loss the queues may have to be declared again
        channel = await self._consuming.channel(confirms=False)
        line = Line(queue, self._topology.name(queue), number, channel, came, gone)
        try:
            with told(f"consuming {line.name}"):
                await line.open(self._topology.census, prefetch)
        except BaseException:
            await close(channel)
            raise
        if line.lost.is_set():
            raise BrokerUnavailable(f"{line.name} was lost while it was opened")
        return line
