"""Every delivery is settled in one place, by a verdict that says whose fault it was."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.embedded.consumption import SqliteConsumption
from synthmill.errors import InputUnusable, StorageFull, StoreUnavailable, VersionConflict
from synthmill.jobs.lease import LeaseTaken
from synthmill.ports.broker import EVIDENCE_PREFIX, Delivery, Message, Queue, Settlement
from synthmill.services import Services
from synthmill.settings import Settings
from synthmill_worker import runner, verdict
from synthmill_worker.handlers.words import Handled, Undecodable
from synthmill_worker.lane import MAX_STARTS, Lane
from synthmill_worker.runner import Worker
from synthmill_worker.verdict import full_jitter, judge
from tests.support.messages import depth_is

PATIENCE_SECONDS = 30


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[EmbeddedServices]:
    async with open_embedded(Settings(home=tmp_path / "home")) as opened:
        yield opened


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "_FIRST_DELAY_SECONDS", 0.001)


@pytest.mark.parametrize(
    ("error", "settlement"),
    [
        (Undecodable("no JSON"), Settlement.DEAD_LETTER),
        (StoreUnavailable("away"), Settlement.RELEASE),
        (LeaseTaken("somebody plans it"), Settlement.RELEASE),
        (StorageFull("no space"), Settlement.RELEASE),
        (VersionConflict("changed"), Settlement.RETRY),
        (InputUnusable("not handled"), Settlement.RETRY),
        (ZeroDivisionError("a mistake"), Settlement.RETRY),
    ],
)
def test_an_outage_is_not_held_against_the_message_and_a_mistake_is(error: Exception, settlement: Settlement) -> None:
    assert judge(error, 1).settlement is settlement


def test_the_wait_grows_with_each_failure_up_to_a_bound_and_is_never_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    longest = [max(full_jitter(failures) for _ in range(300)) for failures in (1, 3, 5, 50)]
    assert longest == sorted(longest)
    assert longest[0] <= 0.5
    assert 5 < longest[-1] <= 10
    assert len({full_jitter(3) for _ in range(50)}) > 40


class Script:
    """A handler that does what the script says, one entry a delivery, and notes what it was given."""

    def __init__(self, *entries: Exception | Handled) -> None:
        self.entries = list(entries)
        self.seen: list[str] = []

    async def __call__(self, _: Services, message: Message) -> Handled:
        self.seen.append(message.message_id)
        entry = self.entries.pop(0) if self.entries else Handled.PLANNED
        if isinstance(entry, Exception):
            raise entry
        return entry


async def serve(services: EmbeddedServices, script: Script, *ids: str, queue: Queue = Queue.JOBS) -> None:
    """Publishes messages and serves the queue until it is empty."""
    await services.broker.publish(queue, [Message(id_, b"{}") for id_ in ids])
    lane = Lane(services, queue, script, prefetch=2)
    await served_until_empty(services, lane)


async def served_until_empty(services: EmbeddedServices, lane: Lane) -> None:
    """Runs the lane until its queue is empty."""
    running = asyncio.create_task(lane.run())
    await depth_is(services.broker, lane.queue, lambda depth: depth.ready + depth.unsettled == 0)
    lane.stop_taking()
    await running


async def dead_letters(services: EmbeddedServices) -> dict[str, str]:
    """Message id to the reason in its evidence."""
    letters: dict[str, str] = {}
    count = (await services.broker.depth(Queue.JOBS_DEAD)).ready
    async with services.broker.consume(Queue.JOBS_DEAD, prefetch=10) as consumption:
        while len(letters) < count:
            message = (await anext(aiter(consumption))).message
            letters[message.message_id] = message.headers[f"{EVIDENCE_PREFIX}reason"]
    return letters


async def test_handled_messages_are_gone(services: EmbeddedServices) -> None:
    script = Script(Handled.PLANNED, Handled.STALE, Handled.FAILED, Handled.DONE_BEFORE)
    await serve(services, script, "a", "b", "c", "d")
    assert sorted(script.seen) == ["a", "b", "c", "d"]
    assert await dead_letters(services) == {}


async def test_a_message_waits_while_its_beginning_cannot_be_noted(
    services: EmbeddedServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    outage = [StoreUnavailable("away")] * 5
    begin = SqliteConsumption.started

    async def started(consumption: SqliteConsumption, delivery: Delivery) -> int:
        if outage:
            raise outage.pop()
        return await begin(consumption, delivery)

    monkeypatch.setattr(SqliteConsumption, "started", started)
    script = Script()
    await serve(services, script, "a")
    assert (script.seen, outage) == (["a"], [])


async def test_a_message_that_never_began_stays_with_the_broker_when_the_worker_stops(
    services: EmbeddedServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def started(*_: object) -> int:
        asked.set()
        raise StoreUnavailable("away")

    monkeypatch.setattr(SqliteConsumption, "started", started)
    await services.broker.publish(Queue.JOBS, [Message("a", b"{}")])
    lane = Lane(services, Queue.JOBS, Script(), prefetch=2)
    running = asyncio.create_task(lane.run())
    await asked.wait()
    lane.stop_taking()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await running
    await depth_is(services.broker, Queue.JOBS, lambda depth: (depth.ready, depth.unsettled) == (1, 0))


async def test_an_unexpected_error_is_tried_again_and_given_up_on_the_third_start_with_evidence(
    services: EmbeddedServices,
) -> None:
    script = Script(*[ZeroDivisionError("boom")] * 9)
    await serve(services, script, "a")
    assert len(script.seen) == MAX_STARTS - 1
    (reason,) = (await dead_letters(services)).values()
    assert "began 3 times" in reason
    assert "ZeroDivisionError: boom" in reason


async def test_an_outage_may_last_longer_than_three_tries(services: EmbeddedServices) -> None:
    script = Script(*[StoreUnavailable("away")] * 8)
    await serve(services, script, "a")
    assert len(script.seen) == 9
    assert await dead_letters(services) == {}


async def test_a_message_that_is_handed_on_comes_again_as_often_as_its_work_takes(services: EmbeddedServices) -> None:
    script = Script(*[Handled.HANDED_ON] * 8, ZeroDivisionError("boom"), Handled.HANDED_ON, ZeroDivisionError("boom"))
    await serve(services, script, "a")
    assert len(script.seen) == 12
    assert await dead_letters(services) == {}


async def test_what_nobody_can_decode_is_dead_at_once(services: EmbeddedServices) -> None:
    script = Script(Undecodable("not a job message"))
    await serve(services, script, "a", "b")
    assert len(script.seen) == 2
    assert list((await dead_letters(services)).values()) == ["not a job message"]


async def lose(services: EmbeddedServices, message_id: str, *, times: int) -> None:
    """A message that was begun and never settled, as by processes that died."""
    await services.broker.publish(Queue.JOBS, [Message(message_id, b"{}")])
    for _ in range(times):
        async with services.broker.consume(Queue.JOBS, prefetch=1) as consumption:
            await consumption.started(await anext(aiter(consumption)))


async def test_a_message_whose_handling_never_ended_is_given_up_without_another_try(
    services: EmbeddedServices,
) -> None:
    await lose(services, "poison", times=2)
    script = Script()
    await serve(services, script)
    assert script.seen == []
    assert (await dead_letters(services))["poison"].endswith("its process ended each time")


async def test_a_lost_message_is_served_alone(services: EmbeddedServices) -> None:
    at_work: set[str] = set()
    together: list[set[str]] = []
    both_fresh = asyncio.Event()

    async def handler(_: Services, message: Message) -> Handled:
        at_work.add(message.message_id)
        together.append(set(at_work))
        if at_work == {"fresh-1", "fresh-2"}:
            both_fresh.set()
        if message.message_id != "lost":
            await asyncio.wait_for(both_fresh.wait(), PATIENCE_SECONDS)
        await asyncio.sleep(0)
        at_work.discard(message.message_id)
        return Handled.PLANNED

    await lose(services, "lost", times=1)
    await services.broker.publish(Queue.JOBS, [Message("fresh-1", b"{}"), Message("fresh-2", b"{}")])
    lane = Lane(services, Queue.JOBS, handler, prefetch=3)
    await served_until_empty(services, lane)
    assert all(group == {"lost"} for group in together if "lost" in group)
    assert {"fresh-1", "fresh-2"} in together


async def test_a_dead_letter_that_cannot_be_drained_stays_in_its_queue(services: EmbeddedServices) -> None:
    script = Script(*[ZeroDivisionError("boom")] * 4, Undecodable("what is this"))
    await services.broker.publish(Queue.JOBS_DEAD, [Message("a", b"{}")])
    lane = Lane(services, Queue.JOBS_DEAD, script, prefetch=1)
    running = asyncio.create_task(lane.run())
    await depth_is(services.broker, Queue.JOBS_DEAD, lambda depth: not script.entries and depth.ready == 1)
    lane.stop_taking()
    await running


async def test_stopping_lets_what_is_in_hand_end_and_takes_nothing_more(
    services: EmbeddedServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handler(_: Services, __: Message) -> Handled:
        begun.set()
        await may_end.wait()
        ended.set()
        return Handled.PLANNED

    monkeypatch.setattr(runner, "handle_job", handler)
    worker = Worker(services)
    running = asyncio.create_task(worker.run())
    await services.broker.publish(Queue.JOBS, [Message("a", b"{}")])
    async with asyncio.timeout(PATIENCE_SECONDS):
        await begun.wait()
        worker.stop()
        await services.broker.publish(Queue.JOBS, [Message("b", b"{}")])
        may_end.set()
        await running
    assert ended.is_set()
    depth = await services.broker.depth(Queue.JOBS)
    assert (depth.ready, depth.unsettled) == (1, 0)


async def test_what_does_not_end_in_time_is_handed_over_as_if_it_had_never_begun(
    services: EmbeddedServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def handler(_: Services, __: Message) -> Handled:
        begun.set()
        await asyncio.Event().wait()
        return Handled.PLANNED

    monkeypatch.setattr(runner, "handle_job", handler)
    worker = Worker(services, drain_seconds=0.05)
    running = asyncio.create_task(worker.run())
    await services.broker.publish(Queue.JOBS, [Message("a", b"{}")])
    async with asyncio.timeout(PATIENCE_SECONDS):
        await begun.wait()
        worker.stop()
        await running
    async with services.broker.consume(Queue.JOBS, prefetch=1) as consumption:
        delivery: Delivery = await anext(aiter(consumption))
        assert (delivery.message.message_id, delivery.redelivered) == ("a", False)
        assert await consumption.started(delivery) == 1


async def test_a_broker_that_is_gone_ends_the_worker_with_its_error(
    services: EmbeddedServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def handler(_: Services, __: Message) -> Handled:
        await services.database.close()
        return Handled.PLANNED

    monkeypatch.setattr(runner, "handle_job", handler)
    await services.broker.publish(Queue.JOBS, [Message("a", b"{}")])
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(Exception, match=r"clos|gone|unavailable"):
            await Worker(services, drain_seconds=0.05).run()
