"""What every broker keeps when processes are killed, and when several work at once."""

import asyncio
from contextlib import AsyncExitStack

from synthmill.ports.broker import Broker, Queue
from tests.support.broker_process import broker_process
from tests.support.messages import PATIENCE, acknowledge, depth_is, drained, numbered, take
from tests.support.ports import At

GENERATION = Queue.GENERATION


async def test_a_killed_consumers_messages_come_to_another(broker: Broker, broker_at: At) -> None:
    await broker.publish(GENERATION, numbered(5))
    async with broker_process(broker_at, "hold", GENERATION, 3) as holder:
        begun = [await holder.line() for _ in range(3)]
        assert [line["started"] for line in begun] == [1, 1, 1]
        await holder.kill()
        async with broker.consume(GENERATION, prefetch=5) as consumption:
            deliveries = {delivery.message.message_id: delivery for delivery in await take(consumption, 5)}
            for line in begun:
                again = deliveries[line["id"]]
                assert again.redelivered
                assert await consumption.started(again) == 2
            fresh = set(deliveries) - {line["id"] for line in begun}
            assert not any(deliveries[id_].redelivered for id_ in fresh)
            assert [await consumption.started(deliveries[id_]) for id_ in fresh] == [1, 1]
            await acknowledge(consumption, *deliveries.values())
    await depth_is(broker, GENERATION, lambda depth: depth.ready + depth.unsettled == 0)


async def test_a_consumer_that_waits_already_gets_a_killed_ones_messages(broker: Broker, broker_at: At) -> None:
    await broker.publish(GENERATION, numbered(3))
    async with broker_process(broker_at, "hold", GENERATION, 3) as holder:
        assert [(await holder.line())["id"] for _ in range(3)] == ["m0", "m1", "m2"]
        async with broker.consume(GENERATION, prefetch=3) as consumption:
            waiting = asyncio.create_task(take(consumption, 3))
            await asyncio.sleep(0)
            await holder.kill()
            await acknowledge(consumption, *await waiting)


async def test_each_crash_counts(broker: Broker, broker_at: At) -> None:
    await broker.publish(GENERATION, numbered(1))
    for started in (1, 2, 3):
        async with broker_process(broker_at, "hold", GENERATION, 1) as holder:
            assert await holder.line() == {"id": "m0", "redelivered": started > 1, "started": started}
            await holder.kill()
    await depth_is(broker, GENERATION, lambda depth: depth.ready == 1)


async def test_what_was_confirmed_outlives_a_killed_publisher(broker: Broker, broker_at: At) -> None:
    async with broker_process(broker_at, "publish", GENERATION, "p", 100_000) as publisher:
        confirmed = [(await publisher.line())["id"] for _ in range(200)]
        await publisher.kill()
        confirmed += [line["id"] for line in await publisher.rest()]
    kept = await drained(broker, GENERATION)
    assert set(confirmed) <= set(kept)
    assert len(kept) <= len(confirmed) + 1  # the one whose confirmation was under way


async def test_several_processes_handle_every_message(broker: Broker, broker_at: At) -> None:
    publishers, workers, each = 2, 2, 1_000
    expected = {f"p{publisher}-{number}" for publisher in range(publishers) for number in range(each)}
    handled: set[str] = set()
    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE):
        working = [
            await stack.enter_async_context(broker_process(broker_at, "work", GENERATION, 20)) for _ in range(workers)
        ]
        publishing = [
            await stack.enter_async_context(broker_process(broker_at, "publish", GENERATION, f"p{publisher}-", each))
            for publisher in range(publishers)
        ]
        reading = [asyncio.create_task(worker.rest()) for worker in working]
        for publisher in publishing:
            assert len(await publisher.rest()) == each
        await depth_is(broker, GENERATION, lambda depth: depth.ready + depth.unsettled == 0)
        for worker in working:
            worker.stop()
        for said in await asyncio.gather(*reading):
            assert said  # it took part
            handled |= {line["id"] for line in said}
    assert handled == expected
