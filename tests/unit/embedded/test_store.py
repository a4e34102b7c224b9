"""What the SQLite store does beyond the port's contract: indexes, limits, mappings, and the delayed test mode."""

import json
from pathlib import Path

import pytest

from synthmill.embedded import Database, SqliteRecordStore
from synthmill.embedded.filters import Sql, selected
from synthmill.embedded.places import home_of
from synthmill.embedded.sqlite import Connection
from synthmill.embedded.writes import MAX_DOCUMENT_BYTES
from synthmill.errors import UserError
from synthmill.ports.records import Collection, Document, Place, Query, Range, Where, Write, WriteMode, WriteStatus
from tests.support.store_documents import accepted, call, failed, put_all, put_records, records, slot_write, slots

TENANT = "default"
CALLS = Place(TENANT, Collection.CALLS)
EVENTS = Place(TENANT, Collection.EVENTS)
SLOTS = slots(TENANT)
RECORDS = records(TENANT)


def event(message: str) -> Document:
    """As much of an event as matters here."""
    return {"event_id": "e", "message": message}


async def plan(database: Database, statement: str, parameters: Sql) -> str:
    """How SQLite means to run it."""

    def explain(connection: Connection) -> str:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters.parameters)
        return "\n".join(row[3] for row in rows)

    return await database.read(explain)


QUESTIONS: list[tuple[Place, Where, str, str]] = [
    (SLOTS, {"job_id": "j"}, "count(*)", "_by_"),
    (SLOTS, {"job_id": "j", "state": "exhausted"}, "count(*)", "by_state"),
    (SLOTS, {"job_id": "j", "state": "exhausted", "reject_class": ["pii"], "round": 1}, "count(*)", "by_state"),
    (RECORDS, {"job_id": "j"}, "count(*)", "by_state"),
    (CALLS, {"job_id": "j"}, "total(cost_usd), total(prompt_tokens)", "by_job"),
    (CALLS, {"job_id": "j", "outcome": "answered", "cost_usd": Range(low=0.0)}, "count(*)", "by_job"),
    (Place(TENANT, Collection.REJECTS), {"job_id": "j", "reject_class": "schema"}, "count(*)", "by_reject_class"),
]


@pytest.mark.parametrize(("place", "where", "what", "index"), QUESTIONS)
async def test_what_status_asks_is_answered_by_an_index_alone(
    database: Database, place: Place, where: Where, what: str, index: str
) -> None:
    matching = selected(home_of(place), where)
    found = await plan(database, f"SELECT {what} FROM documents WHERE {matching.text}", matching)
    assert "COVERING INDEX documents" in found
    assert index in found


async def test_states_of_a_job_are_counted_by_an_index_alone(database: Database) -> None:
    matching = selected(home_of(SLOTS), {"job_id": "j"})
    statement = f"SELECT state, count(DISTINCT number) FROM documents WHERE {matching.text} AND state IS NOT NULL"
    found = await plan(database, f"{statement} GROUP BY state", matching)
    assert "COVERING INDEX documents_by_state" in found


@pytest.mark.parametrize("place", [SLOTS, RECORDS, CALLS])
async def test_a_jobs_documents_are_scanned_in_the_order_of_an_index(database: Database, place: Place) -> None:
    matching = selected(home_of(place), {"job_id": "j"})
    found = await plan(database, f"SELECT id, document FROM documents WHERE {matching.text} ORDER BY id", matching)
    assert "TEMP B-TREE" not in found


async def test_a_document_of_the_largest_size_is_stored_and_a_larger_one_refused(store: SqliteRecordStore) -> None:
    room = MAX_DOCUMENT_BYTES - len(json.dumps({"message": ""}, separators=(",", ":")))
    writes = [Write(EVENTS, "fits", {"message": "x" * room}), Write(EVENTS, "large", {"message": "x" * (room + 1)})]
    results = await store.bulk(writes)
    assert [result.status for result in results] == [WriteStatus.STORED, WriteStatus.REFUSED]
    assert str(MAX_DOCUMENT_BYTES) in (results[1].reason or "")


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", object(), "\ud800", {"deep": float("nan")}])
async def test_what_is_no_json_is_refused(store: SqliteRecordStore, value: object) -> None:
    results = await store.bulk([Write(EVENTS, "bad", {"message": value}), Write(EVENTS, "good", event("x"))])
    assert [result.status for result in results] == [WriteStatus.REFUSED, WriteStatus.STORED]


async def test_what_nests_without_end_is_refused(store: SqliteRecordStore) -> None:
    endless: Document = {}
    endless["self"] = endless
    (result,) = await store.bulk([Write(EVENTS, "bad", endless)])
    assert result.status is WriteStatus.REFUSED


async def test_a_patch_that_does_not_fit_is_the_callers_fault(store: SqliteRecordStore) -> None:
    await store.bulk([Write(EVENTS, "e", event("x"))])
    stored = await store.get(EVENTS, "e")
    assert stored is not None
    with pytest.raises(UserError, match="not JSON"):
        await store.patch(EVENTS, "e", {"message": float("nan")}, expected=stored.version)
    assert await store.get(EVENTS, "e") == stored


async def test_integers_beyond_64_bits_are_kept_and_compared_as_numbers(store: SqliteRecordStore) -> None:
    huge = 10**30
    await store.bulk([slot_write(accepted(TENANT, 0, {"n": huge})), slot_write(accepted(TENANT, 1, {"n": 5}))])
    stored = await store.get(SLOTS, "job-1-0")
    assert stored is not None
    assert stored.document["data"]["n"] == huge
    assert await store.count(RECORDS, {"data.n": Range(low=10**25)}) == 1
    assert await store.count(RECORDS, {"data.n": huge}) == 1
    (result,) = await store.bulk([Write(CALLS, "c", call(TENANT, 1) | {"prompt_tokens": huge})])
    assert result.status is WriteStatus.STORED
    assert (await store.totals(CALLS, ["prompt_tokens"])).sums["prompt_tokens"] == pytest.approx(1e30)


async def test_texts_and_numbers_are_not_compared_with_each_other(store: SqliteRecordStore) -> None:
    await put_records(store, TENANT, {"n": "text"}, {"n": 7}, {"n": True}, {"n": None}, {"n": [7, "text"]})
    # an element of a list counts, as it does in a search server
    assert await store.count(RECORDS, {"data.n": Range(low=0)}) == 2
    assert await store.count(RECORDS, {"data.n": Range(low="a")}) == 2
    assert await store.count(RECORDS, {"data.n": 1}) == 0  # true is not 1
    assert await store.count(RECORDS, {"data.n": True}) == 1
    assert await store.count(RECORDS, {"data.n": 7}) == 2  # the list holds it as well


async def test_a_field_name_may_hold_letters_of_any_language_and_hyphens(store: SqliteRecordStore) -> None:
    await put_records(store, TENANT, {"größe-1": 5}, {"größe-1": 7})
    assert await store.count(RECORDS, {"data.größe-1": 7}) == 1
    assert await store.facets(RECORDS, "data.größe-1") == {"5": 1, "7": 1}


async def test_a_mapped_field_refuses_another_type_and_null_is_none(store: SqliteRecordStore) -> None:
    schema: Document = {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "number": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "any": {},
            "inner": {"type": "object", "properties": {"flag": {"type": "boolean"}}},
        },
    }
    await store.ensure_dataset(TENANT, "tickets", schema)
    good: list[Document] = [
        {"text": "x", "number": 1, "any": [], "inner": {"flag": True}},
        {"text": None, "number": 1.5, "any": "x"},
        {"more": {"than": "declared"}},
    ]
    bad: list[Document] = [{"text": 1}, {"number": "1"}, {"number": True}, {"inner": []}, {"inner": {"flag": 0}}]
    writes = [slot_write(accepted(TENANT, slot, data)) for slot, data in enumerate([*good, *bad])]
    results = await store.bulk(writes)
    stored, refused = [WriteStatus.STORED] * len(good), [WriteStatus.REFUSED] * len(bad)
    assert [result.status for result in results] == stored + refused
    assert "data.text is of type number" in (results[len(good)].reason or "")


async def test_a_mapping_only_widens(store: SqliteRecordStore) -> None:
    for type_ in ("integer", "string"):
        await store.ensure_dataset(TENANT, "tickets", {"properties": {"code": {"type": type_}}})
    data: list[Document] = [{"code": 1}, {"code": "A1"}, {"code": []}]
    results = await store.bulk([slot_write(accepted(TENANT, slot, content)) for slot, content in enumerate(data)])
    assert [result.status for result in results] == [WriteStatus.STORED, WriteStatus.STORED, WriteStatus.REFUSED]


async def test_only_records_and_events_have_full_text(store: SqliteRecordStore) -> None:
    with pytest.raises(UserError, match="full text"):
        await store.search(CALLS, Query(text="x"))


async def test_full_text_follows_every_change_of_a_document(store: SqliteRecordStore) -> None:
    async def found(word: str) -> int:
        return (await store.search(EVENTS, Query(text=word))).total

    await put_all(store, EVENTS, {"e": event("first words")})
    await put_all(store, EVENTS, {"e": event("second words")})
    assert (await found("first"), await found("second")) == (0, 1)
    stored = await store.get(EVENTS, "e")
    assert stored is not None
    await store.patch(EVENTS, "e", {"message": "third"}, expected=stored.version)
    assert (await found("second"), await found("third")) == (0, 1)
    await store.delete(EVENTS, ["e"])
    await put_all(store, EVENTS, {"new": event("fourth")})
    assert (await found("third"), await found("fourth")) == (0, 1)


async def test_full_text_finds_a_slot_that_was_exhausted_before_it_was_accepted(store: SqliteRecordStore) -> None:
    await store.bulk([slot_write(failed(TENANT, 0, 1))])
    await store.bulk([slot_write(accepted(TENANT, 0, {"subject": "late but good"}))])
    assert (await store.search(RECORDS, Query(text="good"))).total == 1
    assert (await store.search(SLOTS, Query(text="good"))).total == 1


async def test_a_put_keeps_the_rank_of_a_slot(store: SqliteRecordStore) -> None:
    document = accepted(TENANT, 0, {"subject": "kept"})
    await store.bulk([slot_write(document)])
    await store.bulk([Write(SLOTS, "job-1-0", document | {"since": 1}, WriteMode.PUT)])
    (result,) = await store.bulk([slot_write(failed(TENANT, 0, 1000))])
    assert result.status is WriteStatus.ALREADY


async def test_long_lists_of_ids_and_values_are_no_trouble(store: SqliteRecordStore) -> None:
    await put_records(store, TENANT, *({"n": number} for number in range(10)))
    many = [f"job-1-{number}" for number in range(300_000)]
    assert sum(stored is not None for stored in await store.get_many(SLOTS, many)) == 10
    assert await store.count(SLOTS, {"record_id": many}) == 10


async def test_a_scan_of_what_others_changed_gives_what_is_there(store: SqliteRecordStore) -> None:
    ids = await put_records(store, TENANT, *({"n": number} for number in range(500)))
    scan = store.scan(SLOTS, {"job_id": "job-1"}, sort="slot")
    seen = [(await anext(scan)).id for _ in range(200)]
    await store.delete(SLOTS, ids)
    await put_records(store, TENANT, {"n": 0}, job="another")
    assert [stored.id async for stored in scan] == []
    assert seen == ids[:200]


@pytest.fixture
async def delayed(database: Database) -> SqliteRecordStore:
    """The store in its test mode."""
    store = SqliteRecordStore(database, visibility_delay=True)
    await store.prepare()
    return store


async def test_delayed_a_write_is_got_at_once_and_found_after_visible(delayed: SqliteRecordStore) -> None:
    await delayed.bulk([slot_write(accepted(TENANT, 0, {"subject": "word", "n": 2}))])
    assert await delayed.get(RECORDS, "job-1-0") is not None
    for _ in range(2):
        assert await delayed.count(RECORDS) == 0
        assert (await delayed.search(RECORDS, Query(text="word"))).total == 0
        assert await delayed.facets(RECORDS, "data.n") == {}
        assert (await delayed.totals(RECORDS, ["data.n"])).count == 0
        assert [stored async for stored in delayed.scan(RECORDS)] == []
        assert [stored async for stored in delayed.scan(RECORDS, sort="slot")] == []
        await delayed.visible(EVENTS)  # says nothing about slots
    await delayed.visible(RECORDS)
    assert await delayed.count(RECORDS) == 1
    assert (await delayed.search(RECORDS, Query(text="word"))).total == 1
    assert [stored.id async for stored in delayed.scan(RECORDS, sort="slot")] == ["job-1-0"]


async def test_delayed_an_overwritten_document_is_found_as_it_was(delayed: SqliteRecordStore) -> None:
    await put_all(delayed, EVENTS, {"e": event("old")})
    await delayed.bulk([Write(EVENTS, "e", event("new"))])
    got = await delayed.get(EVENTS, "e")
    assert got is not None
    assert got.document["message"] == "new"
    page = await delayed.search(EVENTS, Query(text="old"))
    assert [hit.document["message"] for hit in page.hits] == ["old"]
    assert await delayed.count(EVENTS, {"message": "new"}) == 0
    await delayed.visible(EVENTS)
    assert (await delayed.search(EVENTS, Query(text="old"))).total == 0
    assert await delayed.count(EVENTS, {"message": "new"}) == 1


async def test_delayed_a_deleted_document_is_found_until_visible(delayed: SqliteRecordStore) -> None:
    await put_all(delayed, EVENTS, {"e": event("old")})
    await delayed.delete(EVENTS, ["e"])
    assert await delayed.get(EVENTS, "e") is None
    assert (await delayed.search(EVENTS, Query(text="old"))).total == 1
    await delayed.visible(EVENTS)
    assert (await delayed.search(EVENTS, Query(text="old"))).total == 0
    assert await delayed.count(EVENTS) == 0


async def test_delayed_a_patch_is_found_after_visible(delayed: SqliteRecordStore) -> None:
    await put_all(delayed, EVENTS, {"e": event("old")})
    stored = await delayed.get(EVENTS, "e")
    assert stored is not None
    await delayed.patch(EVENTS, "e", {"message": "new"}, expected=stored.version)
    assert await delayed.count(EVENTS, {"message": "old"}) == 1
    await delayed.visible(EVENTS)
    assert await delayed.count(EVENTS, {"message": "old"}) == 0


async def test_the_stores_file_holds_plain_json(store: SqliteRecordStore, path: Path, database: Database) -> None:
    document = event("Ümläut")
    await store.bulk([Write(EVENTS, "e", document)])

    def text(connection: Connection) -> str:
        (found,) = connection.execute("SELECT document FROM documents").fetchone()
        return str(found)

    assert json.loads(await database.read(text)) == document
