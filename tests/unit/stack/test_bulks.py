"""How writes are cut into bulks, and what of a bulk is sent again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthmill.errors import StoreUnavailable
from synthmill.ports.records import WriteMode, WriteStatus
from synthmill.stack.elastic import bulks
from synthmill.stack.elastic.bulks import Action, Sender, action, chunks
from synthmill.stack.elastic.client import ElasticClient
from tests.support.bulk_server import Answer, BulkServer, bulk_server

BUSY = {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": "no room"}}
BAD = {"status": 400, "error": {"type": "document_parsing_exception", "reason": "failed to parse field [x]"}}
STORED = {"status": 201}


def creates(count: int) -> list[Action]:
    """Writes d0, d1, …"""
    return [
        action(number, f"d{number}", WriteMode.CREATE, {"_index": "x", "_id": f"d{number}"}, b"{}", None)
        for number in range(count)
    ]


async def statuses(server: BulkServer, count: int) -> list[WriteStatus]:
    """Writes so many through the server; the verdicts in order."""
    client = ElasticClient(server.settings)
    try:
        verdicts = await Sender(client).write(creates(count))
    finally:
        await client.close()
    return [verdicts[number].status for number in range(count)]


@given(
    sizes=st.lists(st.integers(0, 200), max_size=60),
    most=st.integers(1, 10),
    size=st.integers(1, 500),
)
def test_chunks_hold_all_in_order_within_their_bounds(sizes: list[int], most: int, size: int) -> None:
    actions = [Action(number, "id", WriteMode.PUT, b"h", b"x" * length) for number, length in enumerate(sizes)]
    cut = list(chunks(actions, most, size))
    assert [each for chunk in cut for each in chunk] == actions
    assert all(0 < len(chunk) <= most for chunk in cut)
    assert all(sum(each.size for each in chunk) <= size or len(chunk) == 1 for chunk in cut)


async def test_only_what_the_server_had_no_room_for_is_sent_again() -> None:
    def answer(id_: str, times: int) -> dict[str, Any]:
        return BUSY if id_ in {"d1", "d3"} and times == 1 else STORED

    async with bulk_server(answer) as server:
        assert await statuses(server, 5) == [WriteStatus.STORED] * 5
        assert server.sent == [["d0", "d1", "d2", "d3", "d4"], ["d1", "d3"]]


async def test_a_refused_document_is_not_sent_again_and_neither_are_its_neighbours() -> None:
    async with bulk_server(lambda id_, _: BAD if id_ == "d1" else STORED) as server:
        found = await statuses(server, 3)
        assert found == [WriteStatus.STORED, WriteStatus.REFUSED, WriteStatus.STORED]
        assert server.sent == [["d0", "d1", "d2"]]


async def test_a_bulk_that_is_too_large_is_halved_until_it_fits() -> None:
    async with bulk_server(lambda *_: STORED, most=2) as server:
        assert await statuses(server, 7) == [WriteStatus.STORED] * 7
        assert sorted(id_ for ids in server.sent for id_ in ids) == sorted(f"d{number}" for number in range(7))
        assert max(map(len, server.sent)) <= 2


async def test_a_server_that_turns_a_whole_bulk_away_gets_it_again() -> None:
    async with bulk_server(lambda *_: STORED, busy=1) as server:
        assert await statuses(server, 3) == [WriteStatus.STORED] * 3
        assert server.sent == [["d0", "d1", "d2"]]


async def test_a_single_document_that_is_too_large_is_refused() -> None:
    async with bulk_server(lambda *_: STORED, most=0) as server:
        assert await statuses(server, 2) == [WriteStatus.REFUSED] * 2


async def test_a_server_that_stays_busy_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulks, "FIRST_WAIT_SECONDS", 0.001)
    busy: Answer = lambda id_, _: BUSY if id_ == "d0" else STORED  # noqa: E731
    async with bulk_server(busy) as server:
        with pytest.raises(StoreUnavailable, match="1 of 2"):
            await statuses(server, 2)
        assert server.times("d1") == 1
        assert server.times("d0") == bulks.TRIES
