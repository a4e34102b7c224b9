"""What the broker keeps when RabbitMQ is killed, stands still, or loses a queue; and what a service sees of it."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import AmqpDsn

from synthmill.embedded import Database, SqliteRecordStore
from synthmill.errors import BrokerUnavailable, UserError
from synthmill.ports.broker import EVIDENCE_PREFIX, ORIGINAL_QUEUE_HEADER, Broker, Message, Queue, Settlement
from synthmill.settings import RabbitSettings
from synthmill.stack.rabbitmq import RabbitBroker
from synthmill.stack.rabbitmq.link import Link
from tests.support.messages import PATIENCE, acknowledge, depth_is, drained, ids, messages, numbered, take, take_one
from tests.support.on_stack import ON_STACK
from tests.support.servers import Server, own_server
from tests.support.stack import rabbit_settings, remove_queues

pytestmark = list(ON_STACK)
GENERATION = Queue.GENERATION


@asynccontextmanager
async def opened(settings: RabbitSettings, folder: Path) -> AsyncIterator[RabbitBroker]:
    """A broker that keeps its counts in a file."""
    database = await Database.open(folder / "starts.db")
    broker = RabbitBroker(settings, SqliteRecordStore(database))
    try:
        yield broker
    finally:
        await broker.close()
        await database.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A RabbitMQ that tests may kill; whoever does starts it again."""
    with own_server("rabbitmq") as server:
        yield server


@pytest.fixture
async def broker(server: Server, tmp_path: Path) -> AsyncIterator[Broker]:
    """A broker on it, quick to notice that it is gone."""
    url = server.settings().rabbitmq.url
    settings = rabbit_settings(str(tmp_path)).model_copy(
        update={"url": url, "heartbeat_seconds": 2, "confirm_seconds": 5.0}
    )
    async with opened(settings, tmp_path) as broker:
        await broker.declare()
        yield broker


@pytest.fixture
async def shared(tmp_path: Path) -> AsyncIterator[RabbitBroker]:
    """A broker with queues of its own on the server of the stack."""
    async with opened(rabbit_settings(str(tmp_path)), tmp_path) as broker:
        await broker.declare()
        yield broker
    await remove_queues(str(tmp_path))


async def until_published(broker: Broker, sent: list[Message]) -> None:
    """Publishes as a service does: again, until it is confirmed."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await broker.publish(GENERATION, sent)
            except BrokerUnavailable:
                await asyncio.sleep(0.1)
            else:
                return


async def test_what_was_confirmed_outlives_a_killed_broker(broker: Broker, server: Server) -> None:
    confirmed: list[str] = []
    failed: list[str] = []

    under_way = asyncio.Event()

    async def publish(id_: str) -> None:
        try:
            await broker.publish(GENERATION, messages(id_))
        except BrokerUnavailable:
            failed.append(id_)
        else:
            confirmed.append(id_)
            under_way.set()

    async with asyncio.TaskGroup() as publishing:
        for number in range(3_000):
            publishing.create_task(publish(f"m{number}"))
        await under_way.wait()
        server.kill()
    assert failed  # it was killed in the midst of publishing
    await asyncio.to_thread(server.start)
    await until_published(broker, messages(*failed))
    kept = await drained(broker, GENERATION)
    assert set(kept) == set(confirmed) | set(failed)


async def test_a_consumer_goes_on_when_a_killed_broker_is_back(broker: Broker, server: Server) -> None:
    await broker.publish(GENERATION, numbered(6))
    async with broker.consume(GENERATION, prefetch=4) as consumption:
        first, second, third, fourth = await take(consumption, 4)
        assert await consumption.started(first) == 1
        await acknowledge(consumption, second)
        await depth_is(broker, GENERATION, lambda depth: depth.ready + depth.unsettled == 5)
        server.kill()
        await asyncio.to_thread(server.start)
        again = await take(consumption, 4)
        for late in (first, third):  # of the connection that is gone: they come again all the same
            await consumption.settle(late, Settlement.ACK)
        await consumption.settle(fourth, Settlement.DEAD_LETTER, evidence={"reason": "late"})
        await acknowledge(consumption, *again[1:])
        assert {delivery.message.message_id: delivery.redelivered for delivery in again} == {
            "m0": True,
            "m2": True,
            "m3": True,
            "m4": True,
        }
        assert await consumption.started(again[0]) == 2
        await acknowledge(consumption, again[0])
        assert ids(await take(consumption, 1)) == ["m5"]
    assert (await broker.depth(GENERATION.dead)).ready == 0


async def test_a_consumer_that_waits_gets_what_is_published_after_a_kill(broker: Broker, server: Server) -> None:
    async with broker.consume(GENERATION, prefetch=1) as consumption:
        waiting = asyncio.create_task(take_one(consumption))
        server.kill()
        with pytest.raises(BrokerUnavailable):
            await broker.publish(GENERATION, messages("lost"))
        await asyncio.to_thread(server.start)
        await until_published(broker, messages("later"))
        delivery = await waiting
        assert delivery.message.message_id == "later"
        await acknowledge(consumption, delivery)


async def test_a_consumer_can_be_stopped_while_the_broker_is_gone(broker: Broker, server: Server) -> None:
    await broker.publish(GENERATION, numbered(3))
    async with broker.consume(GENERATION, prefetch=3) as consumption:
        held = await take_one(consumption)
        server.kill()
        await consumption.settle(held, Settlement.RETRY)
        consumption.stop()
        async with asyncio.timeout(PATIENCE):
            assert await anext(aiter(consumption), None) is None
    await asyncio.to_thread(server.start)


async def test_a_broker_that_stands_still_is_noticed_and_used_again(broker: Broker, server: Server) -> None:
    await broker.publish(GENERATION, messages("before"))
    with server.frozen(), pytest.raises(BrokerUnavailable):
        await broker.publish(GENERATION, messages("frozen"))
    await until_published(broker, messages("after"))
    kept = await drained(broker, GENERATION)
    assert {"before", "after"} <= set(kept) <= {"before", "frozen", "after"}


async def test_a_deleted_queue_is_made_again_and_nothing_is_confirmed_into_nowhere(
    shared: RabbitBroker, tmp_path: Path
) -> None:
    link = Link(rabbit_settings(str(tmp_path)), "saboteur")
    async with shared.consume(GENERATION, prefetch=1) as consumption:
        waiting = asyncio.create_task(take_one(consumption))
        async with link.passing_channel() as channel:
            await channel.queue_delete(f"{rabbit_settings(str(tmp_path)).prefix}generation")
        await until_published(shared, messages("kept"))
        delivery = await waiting
        assert delivery.message.message_id == "kept"
        await acknowledge(consumption, delivery)
    await link.close()


async def test_a_message_that_is_never_settled_dies_with_evidence(shared: RabbitBroker) -> None:
    await shared.publish(GENERATION, [Message("poison", b"{", {"traceparent": "00-ab"})])
    for _ in range(21):
        async with shared.consume(GENERATION, prefetch=1) as consumption:
            await take_one(consumption)
    async with shared.consume(GENERATION.dead, prefetch=1) as consumption:
        dead = await take_one(consumption)
        assert (dead.message.message_id, dead.message.body) == ("poison", b"{")
        assert dead.message.headers["traceparent"] == "00-ab"
        assert dead.message.headers[ORIGINAL_QUEUE_HEADER] == GENERATION
        assert "delivery_limit" in dead.message.headers[f"{EVIDENCE_PREFIX}reason"]
        await acknowledge(consumption, dead)


async def test_a_message_can_be_released_more_often_than_the_broker_would_bear(shared: RabbitBroker) -> None:
    await shared.publish(GENERATION, messages("m"))
    async with shared.consume(GENERATION, prefetch=1) as consumption:
        for _ in range(30):
            delivery = await take_one(consumption)
            assert await consumption.started(delivery) == 1
            await consumption.settle(delivery, Settlement.RELEASE)
        await acknowledge(consumption, await take_one(consumption))
    await depth_is(shared, GENERATION, lambda depth: depth.ready + depth.unsettled == 0)


async def test_two_copies_of_a_message_are_not_taken_for_a_redelivery(shared: RabbitBroker) -> None:
    await shared.publish(GENERATION, messages("chunk-1", "chunk-1"))
    async with shared.consume(GENERATION, prefetch=2) as consumption:
        first, second = await take(consumption, 2)
        assert [await consumption.started(first), await consumption.started(second)] == [1, 1]
        await acknowledge(consumption, first, second)


async def test_messages_that_wait_count_as_ready(shared: RabbitBroker) -> None:
    await shared.publish(GENERATION, numbered(2))
    async with shared.consume(GENERATION, prefetch=1) as consumption:
        await consumption.settle(await take_one(consumption), Settlement.RETRY, delay_seconds=500)
        await depth_is(shared, GENERATION, lambda depth: (depth.ready, depth.unsettled) == (1, 1))


async def test_settled_messages_leave_no_counts_behind(shared: RabbitBroker, tmp_path: Path) -> None:
    await shared.publish(GENERATION, numbered(20))
    async with shared.consume(GENERATION, prefetch=20) as consumption:
        for number, delivery in enumerate(await take(consumption, 20)):
            await consumption.started(delivery)
            await consumption.settle(delivery, list(Settlement)[number % 4])
        for delivery in await take(consumption, 10):  # retried and released ones
            await consumption.started(delivery)
            await acknowledge(consumption, delivery)
    database = await Database.open(tmp_path / "starts.db")
    left = await database.read(lambda connection: connection.execute("SELECT count(*) FROM documents").fetchone())
    await database.close()
    assert left == (0,)


async def test_a_wrong_password_is_the_callers_fault(tmp_path: Path) -> None:
    settings = rabbit_settings(str(tmp_path))
    url = AmqpDsn(re.sub(r":[^:@/]+@", ":wrong@", str(settings.url)))
    async with opened(settings.model_copy(update={"url": url}), tmp_path) as broker:
        with pytest.raises(UserError, match="refuses the user"):
            await broker.declare()


async def test_a_queue_with_other_arguments_is_the_callers_fault(shared: RabbitBroker, tmp_path: Path) -> None:
    settings = rabbit_settings(str(tmp_path))
    link = Link(settings, "saboteur")
    async with link.passing_channel() as channel:
        await channel.queue_delete(f"{settings.prefix}jobs")
        await channel.declare_queue(f"{settings.prefix}jobs", durable=True)
    await link.close()
    with pytest.raises(UserError, match="other arguments"):
        await shared.declare()


async def test_a_broker_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    settings = RabbitSettings(url=AmqpDsn("amqp://me:mine@127.0.0.1:1/"))
    async with opened(settings, tmp_path) as broker:
        with pytest.raises(BrokerUnavailable):
            await broker.publish(GENERATION, messages("m"))
        with pytest.raises(BrokerUnavailable):
            async with broker.consume(GENERATION, prefetch=1):
                pass
