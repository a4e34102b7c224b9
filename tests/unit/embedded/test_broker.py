"""What the lease queue does beyond the port's contract: one transaction with results, frozen owners, lost messages."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from synthmill.embedded import Database, SqliteBroker, SqliteRecordStore, leases
from synthmill.embedded.leases import DELIVERY_LIMIT
from synthmill.embedded.sqlite import Connection
from synthmill.ports.broker import EVIDENCE_PREFIX, Message, Queue, QueueDepth, Settlement
from synthmill.ports.records import Collection, Place, Write
from tests.support.broker_process import broker_process
from tests.support.messages import PATIENCE, acknowledge, depth_is, drained, ids, messages, numbered, take, take_one
from tests.support.ports import At
from tests.support.repository import ROOT

GENERATION = Queue.GENERATION
EVENTS = Place("default", Collection.EVENTS)


async def test_an_id_that_is_still_in_the_queue_is_the_same_message(broker: SqliteBroker) -> None:
    await broker.publish(GENERATION, [*messages("a", "b"), Message("a", b"again")])
    await broker.publish(GENERATION, messages("b", "c"))
    async with broker.consume(GENERATION, prefetch=1) as consumption:
        delivery = await take_one(consumption)
        await broker.publish(GENERATION, messages("a"))
        await acknowledge(consumption, delivery)
    assert await drained(broker, GENERATION) == ["b", "c"]


async def test_an_id_can_come_again_when_its_message_is_done(broker: SqliteBroker) -> None:
    for _ in range(2):
        await broker.publish(GENERATION, messages("a"))
        assert await drained(broker, GENERATION) == ["a"]


async def test_an_id_in_one_queue_says_nothing_about_another(broker: SqliteBroker) -> None:
    for queue in Queue:
        await broker.publish(queue, messages("a"))
    assert [await drained(broker, queue) for queue in Queue] == [["a"]] * len(Queue)


async def test_settling_and_publishing_are_part_of_the_transaction(
    database: Database, broker: SqliteBroker, store: SqliteRecordStore
) -> None:
    await broker.publish(GENERATION, messages("a"))
    async with broker.consume(GENERATION, prefetch=1) as consumption:
        delivery = await take_one(consumption)

        async def handle(*, fail: bool) -> None:
            async with database.transaction():
                await store.bulk([Write(EVENTS, "result", {"message": "done"})])
                await broker.publish(Queue.JOBS, messages("next"))
                await consumption.settle(delivery, Settlement.ACK)
                if fail:
                    raise RuntimeError("before the commit")

        with pytest.raises(RuntimeError, match="before the commit"):
            await handle(fail=True)
        assert await store.get(EVENTS, "result") is None
        assert (await broker.depth(Queue.JOBS)).ready == 0
        assert (await broker.depth(GENERATION)).unsettled == 1
        await handle(fail=False)
        assert await store.get(EVENTS, "result") is not None
        assert (await broker.depth(Queue.JOBS)).ready == 1
        assert (await broker.depth(GENERATION)).unsettled == 0


async def test_a_settlement_that_is_rolled_back_still_fills_its_place(database: Database, broker: SqliteBroker) -> None:
    await broker.publish(GENERATION, numbered(2))

    async def undone() -> None:
        async with database.transaction():
            await consumption.settle(delivery, Settlement.ACK)
            raise RuntimeError("undone")

    async with broker.consume(GENERATION, prefetch=1) as consumption:
        delivery = await take_one(consumption)
        with pytest.raises(RuntimeError, match="undone"):
            await undone()
        second = asyncio.create_task(take_one(consumption))
        await asyncio.sleep(0)
        assert (await broker.depth(GENERATION)) == QueueDepth(ready=1, unsettled=1, consumers=1)
        await acknowledge(consumption, delivery)
        assert (await second).message.message_id == "m1"


async def test_a_waiting_consumer_is_woken_by_the_commit_of_a_transaction(
    database: Database, broker: SqliteBroker
) -> None:
    async with broker.consume(GENERATION, prefetch=1) as consumption:
        waiting = asyncio.create_task(take_one(consumption))
        async with database.transaction():
            await broker.publish(GENERATION, messages("a"))
            await asyncio.sleep(0)
            assert not waiting.done()
        assert (await waiting).message.message_id == "a"


CRASHER = """
import asyncio, sys
from pathlib import Path
from synthmill.embedded import Database, SqliteBroker, SqliteRecordStore
from synthmill.ports.broker import Queue, Settlement
from synthmill.ports.records import Collection, Place, Write

async def main(path):
    database = await Database.open(Path(path))
    broker, store = SqliteBroker(database), SqliteRecordStore(database)
    async with broker.consume(Queue.GENERATION, prefetch=10) as consumption:
        delivery = await anext(aiter(consumption))
        async with database.transaction():
            await store.bulk([Write(Place("default", Collection.EVENTS), "result", {"message": "done"})])
            await consumption.settle(delivery, Settlement.ACK)
            print("in mid-transaction", flush=True)
            await asyncio.Event().wait()

asyncio.run(main(sys.argv[1]))
"""


async def test_a_kill_in_mid_transaction_leaves_neither_result_nor_settlement(
    broker: SqliteBroker, store: SqliteRecordStore, path: Path
) -> None:
    await broker.publish(GENERATION, numbered(2))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CRASHER, str(path), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"in mid-transaction\n"
    process.kill()
    await process.wait()
    assert await store.get(EVENTS, "result") is None
    assert await broker.depth(GENERATION) == QueueDepth(ready=2, unsettled=0, consumers=0)
    assert await drained(broker, GENERATION) == ["m0", "m1"]


async def test_a_frozen_owners_messages_come_to_others_when_its_lease_ends(path: Path, broker: SqliteBroker) -> None:
    at = At("sqlite-short-leases", str(path.parent))
    await broker.publish(GENERATION, numbered(2))
    async with broker_process(at, "hold", GENERATION, 2) as holder:
        assert [(await holder.line())["id"] for _ in range(2)] == ["m0", "m1"]
        os.kill(holder.process.pid, signal.SIGSTOP)
        async with broker.consume(GENERATION, prefetch=2) as consumption:
            again = await take(consumption, 2)
            assert ids(again) == ["m0", "m1"]
            assert all(delivery.redelivered for delivery in again)
            os.kill(holder.process.pid, signal.SIGCONT)  # it goes on and renews what it no longer has
            await acknowledge(consumption, *again)
        await holder.kill()
    await depth_is(broker, GENERATION, lambda depth: depth.ready + depth.unsettled == 0)


async def test_a_living_owner_prolongs_its_leases(database: Database) -> None:
    broker = SqliteBroker(database, lease_seconds=1.5)
    await broker.publish(GENERATION, messages("a"))
    async with broker.consume(GENERATION, prefetch=1) as consumption:
        await take_one(consumption)
        first_end = await _lease_end(database)
        async with asyncio.timeout(PATIENCE):
            while await _lease_end(database) == first_end:  # noqa: ASYNC110 - a renewal tells nobody
                await asyncio.sleep(0.02)
        # when the first lease would have ended, the message is still taken
        assert not await _is_free(database, leases.Moment(time.time(), first_end))
        assert await _is_free(database, leases.Moment(time.time(), first_end + 60))


async def test_leases_do_not_end_because_the_clock_is_set_or_the_machine_slept(
    database: Database, broker: SqliteBroker
) -> None:
    await broker.publish(GENERATION, messages("a"))
    async with broker.consume(GENERATION, prefetch=1) as consumption:
        await take_one(consumption)
        assert not await _is_free(database, leases.Moment(time.time() + 86_400, time.monotonic()))


async def test_a_consumer_that_was_held_up_does_not_get_its_own_messages_again(database: Database) -> None:
    broker = SqliteBroker(database, lease_seconds=0.001)
    await broker.publish(GENERATION, messages("a"))
    async with broker.consume(GENERATION, prefetch=2) as consumption:
        delivery = await take_one(consumption)
        again = asyncio.create_task(take_one(consumption))
        await broker.publish(GENERATION, messages("b"))
        assert (await again).message.message_id == "b"
        await acknowledge(consumption, delivery)
    assert await drained(broker, GENERATION) == ["b"]


async def _is_free(database: Database, at: leases.Moment) -> bool:
    seen = await database.read(lambda connection: leases.look(connection, GENERATION, "another", at))
    return seen.ready


async def _lease_end(database: Database) -> float:
    def end(connection: Connection) -> float:
        (ends,) = connection.execute("SELECT lease_ends FROM messages").fetchone()
        return float(ends)

    return await database.read(end)


async def test_a_message_that_is_lost_too_often_is_dead(broker: SqliteBroker) -> None:
    await broker.publish(GENERATION, messages("poison"))
    for _ in range(DELIVERY_LIMIT + 1):
        async with broker.consume(GENERATION, prefetch=1) as consumption:
            assert (await take_one(consumption)).message.message_id == "poison"
    assert await broker.depth(GENERATION) == QueueDepth(ready=0, unsettled=0, consumers=0)
    async with broker.consume(GENERATION.dead, prefetch=1) as consumption:
        dead = await take_one(consumption)
        assert str(DELIVERY_LIMIT + 1) in dead.message.headers[f"{EVIDENCE_PREFIX}reason"]
        await acknowledge(consumption, dead)


async def test_a_dead_letter_that_is_lost_often_stays_where_it_is(broker: SqliteBroker) -> None:
    await broker.publish(GENERATION.dead, messages("poison"))
    for _ in range(DELIVERY_LIMIT + 5):
        async with broker.consume(GENERATION.dead, prefetch=1) as consumption:
            await take_one(consumption)
    assert await drained(broker, GENERATION.dead) == ["poison"]


async def test_thousands_of_delayed_messages_do_not_hide_one_that_is_ready(broker: SqliteBroker) -> None:
    await broker.publish(GENERATION, numbered(500))
    async with broker.consume(GENERATION, prefetch=500) as consumption:
        for delivery in await take(consumption, 500):
            await consumption.settle(delivery, Settlement.RETRY, delay_seconds=3_600)
        await broker.publish(GENERATION, messages("ready"))
        assert ids(await take(consumption, 1)) == ["ready"]


async def test_ended_owners_leave_no_lock_files(broker: SqliteBroker, path: Path) -> None:
    await broker.publish(GENERATION, numbered(3))
    at = At("sqlite", str(path.parent))
    async with broker_process(at, "hold", GENERATION, 3) as holder:
        await holder.line()
        await holder.kill()
    async with broker.consume(GENERATION, prefetch=3) as consumption:
        await acknowledge(consumption, *await take(consumption, 3))
        assert len(list((path.parent / "locks").iterdir())) == 1
    assert list((path.parent / "locks").iterdir()) == []
