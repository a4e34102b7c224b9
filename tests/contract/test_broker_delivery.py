"""How every broker publishes and delivers."""

import asyncio

import pytest

from synthmill.ports.broker import Broker, Message, Queue
from tests.support.messages import (
    PATIENCE,
    acknowledge,
    depth_is,
    drained,
    ids,
    messages,
    numbered,
    take,
    take_one,
)
from tests.support.ports import At

GENERATION = Queue.GENERATION


async def test_a_message_arrives_whole(broker: Broker) -> None:
    sent = Message("id-1", bytes(range(256)), {"traceparent": "00-ab", "note": "ümlaut"})
    await broker.publish(GENERATION, [sent])
    async with broker.consume(GENERATION, prefetch=1) as consumption:
        delivery = await take_one(consumption)
        assert (delivery.queue, delivery.message.message_id, delivery.message.body) == (GENERATION, "id-1", sent.body)
        assert dict(delivery.message.headers) == dict(sent.headers)
        assert not delivery.redelivered
        await acknowledge(consumption, delivery)


async def test_a_large_message_arrives_whole(broker: Broker) -> None:
    body = bytes(1 << 20)
    await broker.publish(GENERATION, [Message("large", body)])
    async with broker.consume(GENERATION, prefetch=1) as consumption:
        delivery = await take_one(consumption)
        assert delivery.message.body == body
        await acknowledge(consumption, delivery)


async def test_messages_come_in_the_order_in_which_they_were_published(broker: Broker) -> None:
    for start in range(0, 300, 100):
        await broker.publish(GENERATION, numbered(300)[start : start + 100])
    assert await drained(broker, GENERATION) == [message.message_id for message in numbered(300)]


async def test_publishing_nothing_is_nothing(broker: Broker) -> None:
    await broker.publish(GENERATION, [])
    assert (await broker.depth(GENERATION)).ready == 0


async def test_queues_are_kept_apart(broker: Broker) -> None:
    for queue in Queue:
        await broker.publish(queue, messages(f"for-{queue}"))
    for queue in Queue:
        assert await drained(broker, queue) == [f"for-{queue}"]


async def test_declaring_again_keeps_what_is_there(broker: Broker) -> None:
    await broker.publish(GENERATION, numbered(2))
    await broker.declare()
    assert await drained(broker, GENERATION) == ["m0", "m1"]


async def test_many_publishers_at_a_time_lose_nothing(broker: Broker) -> None:
    sent = numbered(400)
    await asyncio.gather(*(broker.publish(GENERATION, [message]) for message in sent))
    assert sorted(await drained(broker, GENERATION)) == sorted(message.message_id for message in sent)


async def test_a_waiting_consumer_gets_what_is_published_later(broker: Broker) -> None:
    async with broker.consume(GENERATION, prefetch=1) as consumption:
        waiting = asyncio.create_task(take_one(consumption))
        await asyncio.sleep(0)
        assert not waiting.done()
        await broker.publish(GENERATION, messages("later"))
        delivery = await waiting
        assert delivery.message.message_id == "later"
        await acknowledge(consumption, delivery)


async def test_a_waiting_consumer_gets_what_another_client_publishes(broker: Broker, broker_at: At) -> None:
    async with broker_at.broker() as other, broker.consume(GENERATION, prefetch=1) as consumption:
        waiting = asyncio.create_task(take_one(consumption))
        await asyncio.sleep(0)
        await other.publish(GENERATION, messages("from-elsewhere"))
        delivery = await waiting
        assert delivery.message.message_id == "from-elsewhere"
        await acknowledge(consumption, delivery)


async def test_at_most_prefetch_deliveries_are_unsettled(broker: Broker) -> None:
    await broker.publish(GENERATION, numbered(10))
    async with (
        broker.consume(GENERATION, prefetch=3) as first,
        broker.consume(GENERATION, prefetch=20) as second,
    ):
        mine = await take(first, 3)
        fourth = asyncio.create_task(take_one(first))
        theirs = await take(second, 7)
        assert len({*ids(mine), *ids(theirs)}) == 10  # the first held three and no more
        assert not fourth.done()
        fourth.cancel()
        await asyncio.gather(fourth, return_exceptions=True)
        await acknowledge(first, *mine)
        await acknowledge(second, *theirs)


async def test_a_full_consumer_goes_on_when_one_delivery_is_settled(broker: Broker) -> None:
    await broker.publish(GENERATION, numbered(5))
    async with broker.consume(GENERATION, prefetch=2) as consumption:
        first, second = await take(consumption, 2)
        third = asyncio.create_task(take_one(consumption))
        await asyncio.sleep(0)
        assert not third.done()
        await acknowledge(consumption, second)
        assert (await third).message.message_id == "m2"
        await acknowledge(consumption, first)
        assert ids(await take(consumption, 1)) == ["m3"]


async def test_two_consumers_share_and_each_message_is_handled_once(broker: Broker) -> None:
    sent = numbered(200)
    await broker.publish(GENERATION, sent)
    handled: list[list[str]] = [[], []]

    async with (
        broker.consume(GENERATION, prefetch=5) as first,
        broker.consume(GENERATION, prefetch=5) as second,
    ):
        consumers = (first, second)

        async def work(number: int) -> None:
            consumption = consumers[number]
            async for delivery in consumption:
                handled[number].append(delivery.message.message_id)
                await acknowledge(consumption, delivery)
                if sum(map(len, handled)) == len(sent):
                    first.stop()
                    second.stop()

        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(work(0), work(1))
    assert all(handled)
    assert sorted(handled[0] + handled[1]) == sorted(message.message_id for message in sent)


async def test_depth_counts_ready_unsettled_and_consumers(broker: Broker) -> None:
    await broker.publish(GENERATION, numbered(5))
    await depth_is(broker, GENERATION, lambda depth: (depth.ready, depth.unsettled, depth.consumers) == (5, 0, 0))
    async with broker.consume(GENERATION, prefetch=2) as consumption:
        held = await take(consumption, 2)
        await depth_is(broker, GENERATION, lambda depth: (depth.ready, depth.unsettled, depth.consumers) == (3, 2, 1))
        await acknowledge(consumption, *held)
        await depth_is(broker, GENERATION, lambda depth: depth.ready + depth.unsettled == 3)
    await depth_is(broker, GENERATION, lambda depth: (depth.ready, depth.unsettled, depth.consumers) == (3, 0, 0))


async def test_stop_ends_a_consumer_that_waits(broker: Broker) -> None:
    async with broker.consume(GENERATION, prefetch=1) as consumption:
        waiting = asyncio.create_task(anext(aiter(consumption), None))
        await asyncio.sleep(0)
        consumption.stop()
        async with asyncio.timeout(PATIENCE):
            assert await waiting is None


async def test_after_stop_the_unsettled_can_be_settled_and_the_rest_goes_to_others(broker: Broker) -> None:
    await broker.publish(GENERATION, numbered(6))
    async with broker.consume(GENERATION, prefetch=6) as first:
        mine = await take(first, 2)
        first.stop()
        assert await anext(aiter(first), None) is None
        async with broker.consume(GENERATION, prefetch=6) as second:
            theirs = await take(second, 4)
            assert sorted(ids(mine) + ids(theirs)) == [f"m{number}" for number in range(6)]
            assert not any(delivery.redelivered for delivery in theirs)
            await acknowledge(first, *mine)
            await acknowledge(second, *theirs)
    await depth_is(broker, GENERATION, lambda depth: depth.ready + depth.unsettled == 0)


@pytest.mark.parametrize("prefetch", [0, -1])
async def test_a_prefetch_below_one_is_refused(broker: Broker, prefetch: int) -> None:
    with pytest.raises(ValueError, match="prefetch"):
        async with broker.consume(GENERATION, prefetch=prefetch):
            pass
