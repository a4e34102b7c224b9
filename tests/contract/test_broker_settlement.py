"""How deliveries end, at every broker."""

import asyncio
import time

import pytest

from synthmill.ports.broker import (
    EVIDENCE_PREFIX,
    ORIGINAL_QUEUE_HEADER,
    STARTED_HEADER,
    Broker,
    Message,
    Queue,
    Settlement,
)
from tests.support.messages import acknowledge, depth_is, drained, ids, messages, numbered, take, take_one

GENERATION = Queue.GENERATION


async def test_what_is_acknowledged_never_comes_back(broker: Broker) -> None:
    await broker.publish(GENERATION, numbered(3))
    async with broker.consume(GENERATION, prefetch=3) as consumption:
        await acknowledge(consumption, *await take(consumption, 3))
    await depth_is(broker, GENERATION, lambda depth: depth.ready + depth.unsettled == 0)


async def test_what_is_unsettled_at_the_end_goes_back_at_once(broker: Broker) -> None:
    await broker.publish(GENERATION, numbered(3))
    async with broker.consume(GENERATION, prefetch=3) as consumption:
        first, *_ = await take(consumption, 3)
        await acknowledge(consumption, first)
    async with broker.consume(GENERATION, prefetch=3) as consumption:
        back = await take(consumption, 2)
        assert sorted(ids(back)) == ["m1", "m2"]
        assert all(delivery.redelivered for delivery in back)
        await acknowledge(consumption, *back)


async def test_what_is_unsettled_goes_back_when_the_consumer_fails(broker: Broker) -> None:
    async def fail() -> None:
        async with broker.consume(GENERATION, prefetch=1) as consumption:
            await take_one(consumption)
            raise RuntimeError("handling failed")

    await broker.publish(GENERATION, numbered(1))
    with pytest.raises(RuntimeError, match="handling failed"):
        await fail()
    async with broker.consume(GENERATION, prefetch=1) as consumption:
        delivery = await take_one(consumption)
        assert delivery.redelivered
        await acknowledge(consumption, delivery)


async def test_a_cancelled_wait_keeps_no_message_to_itself(broker: Broker) -> None:
    async with broker.consume(GENERATION, prefetch=4) as consumption:
        for number in range(30):
            waiting = asyncio.create_task(take_one(consumption))
            await asyncio.sleep(0)
            await broker.publish(GENERATION, messages(f"m{number}"))
            waiting.cancel()
            (outcome,) = await asyncio.gather(waiting, return_exceptions=True)
            delivery = await take_one(consumption) if isinstance(outcome, BaseException) else outcome
            assert delivery.message.message_id == f"m{number}"
            await acknowledge(consumption, delivery)


async def test_released_comes_again_at_once_to_anyone(broker: Broker) -> None:
    await broker.publish(GENERATION, numbered(1))
    async with (
        broker.consume(GENERATION, prefetch=1) as first,
        broker.consume(GENERATION, prefetch=1) as second,
    ):
        mine = await take_one(first)
        first.stop()
        await first.settle(mine, Settlement.RELEASE)
        theirs = await take_one(second)
        assert theirs.message == mine.message
        await acknowledge(second, theirs)


@pytest.mark.parametrize("begun", [False, True])
async def test_releasing_leaves_the_count_of_starts_as_it_was(broker: Broker, begun: bool) -> None:
    await broker.publish(GENERATION, numbered(1))
    async with broker.consume(GENERATION, prefetch=1) as consumption:
        delivery = await take_one(consumption)
        if begun:
            assert await consumption.started(delivery) == 1
        await consumption.settle(delivery, Settlement.RELEASE)
        again = await take_one(consumption)
        assert await consumption.started(again) == 1
        await acknowledge(consumption, again)


async def test_a_release_may_wait_and_still_leaves_the_count_as_it_was(broker: Broker) -> None:
    await broker.publish(GENERATION, numbered(1))
    async with broker.consume(GENERATION, prefetch=1) as consumption:
        delivery = await take_one(consumption)
        assert await consumption.started(delivery) == 1
        settled_at = time.time()
        await consumption.settle(delivery, Settlement.RELEASE, delay_seconds=0.3)
        again = await take_one(consumption)
        assert time.time() - settled_at >= 0.3
        assert (again.message, again.redelivered, again.begun) == (delivery.message, False, 0)
        assert await consumption.started(again) == 1
        await acknowledge(consumption, again)


async def test_what_is_continued_comes_again_behind_others_as_if_it_had_never_begun(broker: Broker) -> None:
    await broker.publish(GENERATION, messages("long"))
    async with broker.consume(GENERATION, prefetch=1) as consumption:
        await consumption.started(await take_one(consumption))  # and died
    async with broker.consume(GENERATION, prefetch=1) as consumption:
        delivery = await take_one(consumption)
        assert await consumption.started(delivery) == 2
        await broker.publish(GENERATION, messages("short"))
        await consumption.settle(delivery, Settlement.CONTINUE)
        short = await take_one(consumption)
        assert short.message.message_id == "short"
        await acknowledge(consumption, short)
        again = await take_one(consumption)
        assert (again.message, again.redelivered, again.begun) == (delivery.message, False, 0)
        assert await consumption.started(again) == 1
        await acknowledge(consumption, again)
    await depth_is(broker, GENERATION, lambda depth: depth.ready + depth.unsettled == 0)


async def test_each_delivery_that_begins_counts_once(broker: Broker) -> None:
    await broker.publish(GENERATION, numbered(1))
    for expected in (1, 2, 3):
        async with broker.consume(GENERATION, prefetch=1) as consumption:
            delivery = await take_one(consumption)
            assert await consumption.started(delivery) == expected
            assert await consumption.started(delivery) == expected
    assert await drained(broker, GENERATION) == ["m0"]


async def test_starts_are_counted_by_message(broker: Broker) -> None:
    await broker.publish(GENERATION, numbered(2))
    async with broker.consume(GENERATION, prefetch=2) as consumption:
        first, second = await take(consumption, 2)
        await consumption.started(first)
        await consumption.settle(first, Settlement.RETRY)
        assert await consumption.started(second) == 1
        assert await consumption.started(await take_one(consumption)) == 2


async def test_a_retry_comes_again_and_not_before_its_delay(broker: Broker) -> None:
    await broker.publish(GENERATION, numbered(2))
    async with broker.consume(GENERATION, prefetch=2) as consumption:
        first, second = await take(consumption, 2)
        settled_at = time.time()
        await consumption.settle(first, Settlement.RETRY, delay_seconds=0.4)
        await acknowledge(consumption, second)
        again = await take_one(consumption)
        assert again.message == first.message
        assert not again.redelivered  # it was settled, nobody lost it
        assert time.time() - settled_at >= 0.4
        await acknowledge(consumption, again)


async def test_others_are_delivered_while_a_retry_waits(broker: Broker) -> None:
    await broker.publish(GENERATION, numbered(3))
    async with broker.consume(GENERATION, prefetch=1) as consumption:
        await consumption.settle(await take_one(consumption), Settlement.RETRY, delay_seconds=3_600)
        for expected in ("m1", "m2"):
            delivery = await take_one(consumption)
            assert delivery.message.message_id == expected
            await acknowledge(consumption, delivery)


async def test_a_retry_without_delay_comes_again(broker: Broker) -> None:
    await broker.publish(GENERATION, numbered(1))
    async with broker.consume(GENERATION, prefetch=1) as consumption:
        await consumption.settle(await take_one(consumption), Settlement.RETRY)
        again = await take_one(consumption)
        assert again.message.message_id == "m0"
        await acknowledge(consumption, again)


async def test_a_retry_brings_its_evidence_along(broker: Broker) -> None:
    await broker.publish(GENERATION, [Message("m0", b"{}", {"traceparent": "00-ab"})])
    async with broker.consume(GENERATION, prefetch=1) as consumption:
        await consumption.settle(await take_one(consumption), Settlement.RETRY, evidence={"crashes": "1"})
        again = await take_one(consumption)
        assert again.message.headers["traceparent"] == "00-ab"
        assert again.message.headers["x-evidence-crashes"] == "1"
        await acknowledge(consumption, again)


@pytest.mark.parametrize("queue", [Queue.JOBS, Queue.GENERATION])
async def test_a_dead_letter_carries_its_evidence(broker: Broker, queue: Queue) -> None:
    await broker.publish(queue, [Message("bad", b"{", {"traceparent": "00-ab"})])
    async with broker.consume(queue, prefetch=1) as consumption:
        delivery = await take_one(consumption)
        await consumption.started(delivery)
        evidence = {"reason": "not JSON: „{“", "error": "JSONDecodeError"}
        await consumption.settle(delivery, Settlement.DEAD_LETTER, evidence=evidence)
    async with broker.consume(queue.dead, prefetch=1) as consumption:
        dead = await take_one(consumption)
        assert (dead.message.message_id, dead.message.body) == ("bad", b"{")
        headers = dict(dead.message.headers)
        assert headers["traceparent"] == "00-ab"
        assert headers[f"{EVIDENCE_PREFIX}reason"] == "not JSON: „{“"
        assert headers[f"{EVIDENCE_PREFIX}error"] == "JSONDecodeError"
        assert headers[ORIGINAL_QUEUE_HEADER] == queue
        assert headers[STARTED_HEADER] == "1"
        await acknowledge(consumption, dead)
    await depth_is(broker, queue, lambda depth: depth.ready + depth.unsettled == 0)


async def test_a_dead_letter_can_be_replayed_and_die_again(broker: Broker) -> None:
    await broker.publish(GENERATION, messages("m"))
    for reason in ("first", "second"):
        async with broker.consume(GENERATION, prefetch=1) as consumption:
            delivery = await take_one(consumption)
            await consumption.settle(delivery, Settlement.DEAD_LETTER, evidence={"reason": reason})
        async with broker.consume(GENERATION.dead, prefetch=1) as consumption:
            dead = await take_one(consumption)
            assert dead.message.headers[f"{EVIDENCE_PREFIX}reason"] == reason
            await broker.publish(GENERATION, [Message(dead.message.message_id, dead.message.body)])
            await acknowledge(consumption, dead)
    assert await drained(broker, GENERATION) == ["m"]


async def test_a_dead_queue_has_no_dead_letters_of_its_own(broker: Broker) -> None:
    await broker.publish(Queue.JOBS_DEAD, messages("m"))
    async with broker.consume(Queue.JOBS_DEAD, prefetch=1) as consumption:
        delivery = await take_one(consumption)
        with pytest.raises(ValueError, match="dead"):
            await consumption.settle(delivery, Settlement.DEAD_LETTER)
        await acknowledge(consumption, delivery)


@pytest.mark.parametrize("late", list(Settlement))
async def test_settling_again_does_nothing(broker: Broker, late: Settlement) -> None:
    await broker.publish(GENERATION, numbered(1))
    async with broker.consume(GENERATION, prefetch=1) as consumption:
        delivery = await take_one(consumption)
        await acknowledge(consumption, delivery)
        await consumption.settle(delivery, late)
    await depth_is(broker, GENERATION, lambda depth: depth.ready + depth.unsettled == 0)
    await depth_is(broker, GENERATION.dead, lambda depth: depth.ready == 0)


async def test_settling_what_the_broker_took_back_does_nothing(broker: Broker) -> None:
    await broker.publish(GENERATION, numbered(1))
    async with broker.consume(GENERATION, prefetch=1) as consumption:
        late = await take_one(consumption)
    await consumption.settle(late, Settlement.ACK)
    assert await drained(broker, GENERATION) == ["m0"]


async def test_what_was_begun_in_vain_stays_with_a_message_that_is_released_later(broker: Broker) -> None:
    await broker.publish(GENERATION, numbered(1))
    async with broker.consume(GENERATION, prefetch=1) as consumption:
        delivery = await take_one(consumption)
        assert (delivery.begun, delivery.suspect) == (0, False)
        await consumption.started(delivery)
        await consumption.settle(delivery, Settlement.RETRY)
        for _ in range(2):  # whoever cannot work on it now takes only its own beginning back
            again = await take_one(consumption)
            assert (again.begun, again.suspect) == (1, True)
            assert await consumption.started(again) == 2
            await consumption.settle(again, Settlement.RELEASE)
        await acknowledge(consumption, await take_one(consumption))
