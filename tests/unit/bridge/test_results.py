"""Answers and their settlement are one transaction; each content is had once, each slot by its best outcome."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from synthmill.bridge.reservations import Reservations
from synthmill.bridge.results import Applied, Batch, apply
from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.errors import StorageFull
from synthmill.ports.broker import Consumption, Delivery, Message, Queue
from synthmill.ports.records import Collection, Place
from synthmill.settings import Settings
from synthmill_schemas.base import Contract
from synthmill_schemas.slot import SlotDocument, SlotState
from synthmill_schemas.stdio import Settled, SettledLine, SettleOutcome, SlotLine, Verdict
from tests.support.jobs import TENANT, accepted, exhausted

JOB = "job-1"
SLOTS = Place(TENANT, Collection.SLOTS, "colours")


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[EmbeddedServices]:
    async with open_embedded(Settings(home=tmp_path / "home")) as opened:
        yield opened


@pytest.fixture
async def consumption(services: EmbeddedServices) -> AsyncIterator[Consumption]:
    await services.broker.publish(Queue.GENERATION, [Message("request-1", b"{}")])
    async with services.broker.consume(Queue.GENERATION, prefetch=1) as consuming:
        yield consuming


@pytest.fixture
async def delivery(consumption: Consumption) -> Delivery:
    return await anext(aiter(consumption))


def slot_line(document: SlotDocument) -> bytes:
    return _bytes(SlotLine(document=document))


def settled_line(outcome: SettleOutcome = SettleOutcome.DONE) -> bytes:
    return _bytes(SettledLine(document=Settled(request_id="request-1", job_id=JOB, outcome=outcome, reason="why")))


def _bytes(line: Contract) -> bytes:
    return line.model_dump_json().encode()


async def applied(
    services: EmbeddedServices,
    consumption: Consumption,
    delivery: Delivery | None,
    *lines: bytes,
    claimed: bool = True,
) -> Applied:
    deliveries = {} if delivery is None else {"request-1": delivery}
    jobs = {JOB, "job-2"} if claimed else set()
    reservations = Reservations(services.store)
    return await apply(services.database, services.store, consumption, deliveries, Batch.of(lines), jobs, reservations)


def verdicts(result: Applied) -> list[Verdict]:
    return [line.verdict for line in result.verdicts]


async def test_an_accepted_slot_is_stored_and_its_request_settled(
    services: EmbeddedServices, consumption: Consumption, delivery: Delivery
) -> None:
    result = await applied(services, consumption, delivery, slot_line(accepted(JOB, 0)), settled_line())
    assert verdicts(result) == [Verdict.STORED]
    stored = await services.store.get(SLOTS, f"{JOB}-0")
    assert stored is not None
    assert stored.document["state"] == SlotState.ACCEPTED
    depth = await services.broker.depth(Queue.GENERATION)
    assert (depth.ready, depth.unsettled) == (0, 0)


async def test_the_same_slot_offered_again_is_already_there(
    services: EmbeddedServices, consumption: Consumption
) -> None:
    line = slot_line(accepted(JOB, 0))
    await applied(services, consumption, None, line)
    assert verdicts(await applied(services, consumption, None, line)) == [Verdict.ALREADY]


async def test_equal_contents_in_one_batch_are_had_once(services: EmbeddedServices, consumption: Consumption) -> None:
    twin = "a" * 64
    lines = [slot_line(accepted(JOB, slot, content_hash=twin)) for slot in range(2)]
    result = await applied(services, consumption, None, *lines)
    assert verdicts(result) == [Verdict.STORED, Verdict.DUPLICATE]
    assert await services.store.get(SLOTS, f"{JOB}-1") is None


async def test_another_jobs_content_is_a_duplicate_too(services: EmbeddedServices, consumption: Consumption) -> None:
    await applied(services, consumption, None, slot_line(accepted(JOB, 0)))
    result = await applied(services, consumption, None, slot_line(accepted("job-2", 0)))
    assert verdicts(result) == [Verdict.DUPLICATE]
    assert f"{JOB}-0" in str(result.verdicts[0].reason)


async def test_without_unique_columns_equal_contents_are_welcome(
    services: EmbeddedServices, consumption: Consumption
) -> None:
    lines = [slot_line(accepted(JOB, slot, content_hash="a" * 64)) for slot in range(2)]
    result = await applied(services, consumption, None, *lines, claimed=False)
    assert verdicts(result) == [Verdict.STORED, Verdict.STORED]


async def test_an_exhausted_slot_never_replaces_an_accepted_one(
    services: EmbeddedServices, consumption: Consumption
) -> None:
    lines = [slot_line(accepted(JOB, 0)), slot_line(exhausted(JOB, 0, round_=3))]
    await applied(services, consumption, None, *lines)
    stored = await services.store.get(SLOTS, f"{JOB}-0")
    assert stored is not None
    assert stored.document["state"] == SlotState.ACCEPTED


async def test_an_invalid_request_becomes_a_dead_letter_with_the_reason(
    services: EmbeddedServices, consumption: Consumption, delivery: Delivery
) -> None:
    await applied(services, consumption, delivery, settled_line(SettleOutcome.INVALID))
    async with services.broker.consume(Queue.GENERATION_DEAD, prefetch=1) as dead:
        letter = await anext(aiter(dead))
    assert letter.message.message_id == "request-1"
    assert "why" in json.dumps(dict(letter.message.headers))


async def test_a_batch_that_cannot_be_written_leaves_nothing_and_settles_nothing(
    services: EmbeddedServices, consumption: Consumption, delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise StorageFull("no space")

    monkeypatch.setattr(type(consumption), "settle", full)
    with pytest.raises(StorageFull):
        await applied(services, consumption, delivery, slot_line(accepted(JOB, 0)), settled_line())
    assert await services.store.get(SLOTS, f"{JOB}-0") is None
    assert (await services.broker.depth(Queue.GENERATION)).unsettled == 1
