"""Asks all consumers of a queue how many of its messages they hold: RabbitMQ itself tells clients only what is ready.

A consumer listens on a queue of its own, on the channel of its deliveries: what the broker delivered before the
question arrives before it, so the answer counts it. A question's body is the queue's name, the answer's the number.
"""

import asyncio
from collections.abc import Callable

from aio_pika import Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

ANSWER_SECONDS = 1.0
"""Long for a consumer whose loop is not stuck."""

_REPLY_TO = "amq.rabbitmq.reply-to"


async def answer(channel: AbstractChannel, exchange: str, queue: str, held: Callable[[], int]) -> None:
    """Answers for this channel's consumer until the channel closes."""

    async def reply(question: AbstractIncomingMessage) -> None:
        if question.body == queue.encode() and question.reply_to:
            await channel.default_exchange.publish(
                Message(str(held()).encode(), correlation_id=question.correlation_id),
                question.reply_to,
                mandatory=False,
            )

    listening = await channel.declare_queue(exclusive=True, auto_delete=True)
    await listening.bind(exchange)
    await listening.consume(reply, no_ack=True)


async def ask(channel: AbstractChannel, exchange: str, queue: str, consumers: int) -> int:
    """How many messages `consumers` consumers hold; one that does not answer is taken to hold one."""
    answers: list[int] = []
    complete = asyncio.Event()

    async def note(reply: AbstractIncomingMessage) -> None:
        answers.append(int(reply.body))
        if len(answers) >= consumers:
            complete.set()

    replies = await channel.get_queue(_REPLY_TO, ensure=False)
    await replies.consume(note, no_ack=True)
    where = await channel.get_exchange(exchange, ensure=False)
    await where.publish(Message(queue.encode(), reply_to=_REPLY_TO), "", mandatory=False)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await complete.wait()
    except TimeoutError:
        return sum(answers) + consumers - len(answers)
    return sum(answers)
