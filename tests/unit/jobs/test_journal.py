"""A job's events are numbered once, in an order that every process finds."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from synthmill.embedded import EmbeddedServices
from synthmill.jobs.journal import PAGE, Journal
from synthmill.ports.records import Collection, Place, Write
from synthmill_schemas.event import EventDocument
from tests.support.jobs import TENANT

MOMENT = datetime(2026, 11, 23, 10, tzinfo=UTC)


async def happened(services: EmbeddedServices, *ids: str, second: int = 0) -> None:
    """Events of that second, one microsecond apart."""
    events = [
        EventDocument(
            event_id=id_,
            job_id="job-1",
            service="worker",
            name="job.something",
            message=id_,
            at=MOMENT + timedelta(seconds=second, microseconds=place + 1),
        )
        for place, id_ in enumerate(ids)
    ]
    place = Place(TENANT, Collection.EVENTS)
    await services.store.bulk([Write(place, event.event_id, event.model_dump(mode="json")) for event in events])


def journal(services: EmbeddedServices) -> Journal:
    return Journal(services.store, TENANT, "job-1")


async def told(reader: Journal, after: int = 0) -> list[tuple[int, str]]:
    return [(number, event["event_id"]) for number, event in await reader.after(after)]


async def test_an_event_that_is_seen_late_comes_behind_those_that_were_seen_before(services: EmbeddedServices) -> None:
    first, second = journal(services), journal(services)
    await happened(services, "a", "b", second=5)
    assert await first.extend() == 2
    await happened(services, "late", second=1)
    await happened(services, "c", second=6)
    assert await first.extend() == 2
    assert await told(first) == [(1, "a"), (2, "b"), (3, "late"), (4, "c")]
    await second.extend()
    assert await told(second, after=2) == [(3, "late"), (4, "c")]


async def test_nothing_is_numbered_where_nothing_happened(services: EmbeddedServices) -> None:
    reader = journal(services)
    assert await reader.extend() == 0
    assert await told(reader) == []


@pytest.mark.parametrize("readers", [2, 5])
async def test_readers_at_once_agree_and_number_each_event_once(services: EmbeddedServices, readers: int) -> None:
    several = [journal(services) for _ in range(readers)]
    wanted: set[str] = set()
    for turn in range(3):
        ids = [f"{turn}-{number}" for number in range(PAGE + 20)]
        wanted.update(ids)
        await happened(services, *ids, second=turn)
        await asyncio.gather(*(reader.extend() for reader in several))
    for reader in several:
        await reader.extend()
    orders = [
        [id_ for start in range(0, len(reader), PAGE) for _, id_ in await told(reader, start)] for reader in several
    ]
    assert all(order == orders[0] for order in orders)
    assert sorted(orders[0]) == sorted(wanted)


async def test_a_journal_of_many_pages_is_read_whole_by_one_who_comes_later(services: EmbeddedServices) -> None:
    writer, reader = journal(services), journal(services)
    for number in range(25):
        await happened(services, f"event-{number}", second=number)
        await writer.extend()
    await reader.extend()
    assert await told(reader) == [(number + 1, f"event-{number}") for number in range(25)]
