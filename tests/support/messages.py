"""Short ways to publish and receive in tests."""

import asyncio
from collections.abc import Callable

from synthmill.ports.broker import Broker, Consumption, Delivery, Message, Queue, QueueDepth, Settlement

PATIENCE = 60.0
"""Seconds after which a test has failed; a passing one waits only for what it waits for."""


def messages(*ids: str) -> list[Message]:
    """Messages whose body is their id."""
    return [Message(id_, id_.encode()) for id_ in ids]


def numbered(count: int, prefix: str = "m") -> list[Message]:
    """`count` messages, numbered from 0."""
    return messages(*(f"{prefix}{number}" for number in range(count)))


async def take(consumption: Consumption, count: int) -> list[Delivery]:
    """The next deliveries, unsettled."""
    iterator = aiter(consumption)
    async with asyncio.timeout(PATIENCE):
        return [await anext(iterator) for _ in range(count)]


async def take_one(consumption: Consumption) -> Delivery:
    """The next delivery, unsettled."""
    (delivery,) = await take(consumption, 1)
    return delivery


async def acknowledge(consumption: Consumption, *deliveries: Delivery) -> None:
    """Settles all as done."""
    for delivery in deliveries:
        await consumption.settle(delivery, Settlement.ACK)


async def drained(broker: Broker, queue: Queue) -> list[str]:
    """Takes and acknowledges all that the queue has now; answers the ids in their order."""
    depth = await broker.depth(queue)
    async with broker.consume(queue, prefetch=100) as consumption:
        ids = []
        for _ in range(depth.ready):
            delivery = await take_one(consumption)
            await acknowledge(consumption, delivery)
            ids.append(delivery.message.message_id)
    return ids


async def depth_is(broker: Broker, queue: Queue, condition: Callable[[QueueDepth], bool]) -> QueueDepth:
    """Waits until the queue's depth meets the condition."""
    async with asyncio.timeout(PATIENCE):
        while not condition(depth := await broker.depth(queue)):  # noqa: ASYNC110 - brokers announce no depths
            await asyncio.sleep(0.02)
    return depth


def ids(deliveries: list[Delivery]) -> list[str]:
    """The ids of the messages."""
    return [delivery.message.message_id for delivery in deliveries]
