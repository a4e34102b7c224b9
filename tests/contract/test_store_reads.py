"""How every record store searches, counts, sums and scans."""

import pytest

from synthmill.errors import UserError
from synthmill.ports.records import Collection, Outside, Place, Query, Range, RecordStore, Where, Write
from synthmill_schemas.slot import RejectClass
from tests.support.ports import At
from tests.support.stack import folds_accents
from tests.support.store_documents import (
    DATASET,
    JOB,
    RECORD_SCHEMA,
    accepted,
    call,
    event,
    failed,
    put_all,
    put_records,
    records,
    reject,
    slot_write,
    slots,
)

DATA = [
    {"subject": "Refund of an order", "priority": "high", "score": 5, "urgent": True, "tags": ["money", "order"]},
    {"subject": "Order is late", "priority": "low", "score": 3, "urgent": False, "tags": ["order"]},
    {"subject": "Café closed", "priority": "low", "score": 10, "urgent": False, "tags": []},
    {
        "subject": "Refund",
        "body": "the order was late",
        "priority": "low",
        "weight": 0.5,
        "customer": {"city": "Oslo"},
        "lines": [{"n": 1, "sku": "a"}, {"n": 20, "sku": "b"}],
    },
]


@pytest.fixture
async def ids(store: RecordStore, tenant: str) -> list[str]:
    """The ids of four records with the contents of DATA."""
    await store.ensure_dataset(tenant, DATASET, RECORD_SCHEMA)
    return await put_records(store, tenant, *DATA)


CONDITIONS: list[tuple[Where, list[int]]] = [
    ({}, [0, 1, 2, 3]),
    ({"data.priority": "low"}, [1, 2, 3]),
    ({"data.priority": ["low", "high"]}, [0, 1, 2, 3]),
    ({"data.priority": []}, []),
    ({"data.priority": "none"}, []),
    ({"data.priority": "low", "data.score": 3}, [1]),
    ({"data.score": Range(3, 5)}, [0, 1]),
    ({"data.score": Range(low=4)}, [0, 2]),
    ({"data.score": Range(high=4)}, [1]),
    ({"data.score": Range()}, [0, 1, 2]),
    ({"data.score": Outside(Range(high=4))}, [0, 2, 3]),
    ({"data.score": Outside(Range(low=4)), "data.priority": "low"}, [1, 3]),
    ({"data.score": Outside(Range())}, [3]),
    ({"data.unheard": Outside(Range(low=0))}, [0, 1, 2, 3]),
    ({"data.score": [3, 10, 99]}, [1, 2]),
    ({"data.weight": 0.5}, [3]),
    ({"data.urgent": True}, [0]),
    ({"data.urgent": False}, [1, 2]),
    ({"data.tags": "order"}, [0, 1]),
    ({"data.tags": ["money", "nothing"]}, [0]),
    ({"data.customer.city": "Oslo"}, [3]),
    ({"data.lines.sku": "b"}, [3]),
    ({"data.lines.sku": ["c", "a"]}, [3]),
    ({"data.lines.n": Range(low=15)}, [3]),
    ({"data.lines.n": Range(low=21)}, []),
    ({"data.lines.n": Outside(Range(low=15))}, [0, 1, 2]),
    ({"data.tags": Range(low="n")}, [0, 1]),
    ({"data.tags": Range(low="n", high="nz")}, []),
    ({"provenance.route": "offline/fake-1"}, [0, 1, 2, 3]),
    ({"slot": Range(1, 2)}, [1, 2]),
    ({"job_id": JOB, "state": "accepted"}, [0, 1, 2, 3]),
    ({"job_id": "other"}, []),
]


@pytest.mark.parametrize(("where", "expected"), CONDITIONS, ids=[str(where) for where, _ in CONDITIONS])
async def test_conditions_hold_in_every_way_of_reading(
    store: RecordStore, tenant: str, ids: list[str], where: Where, expected: list[int]
) -> None:
    matching = [ids[number] for number in expected]
    place = records(tenant)
    page = await store.search(place, Query(where=where))
    assert ([hit.id for hit in page.hits], page.total, page.cursor) == (matching, len(matching), None)
    assert await store.count(place, where) == len(matching)
    assert [stored.id async for stored in store.scan(place, where)] == matching
    assert (await store.totals(place, ["data.score"], where)).count == len(matching)
    assert sum((await store.facets(place, "data.priority", where)).values()) == len(matching)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("refund", [0, 3]),
        ("REFUND order", [0, 3]),
        ("late", [1, 3]),
        ("CAFÉ", [2]),
        ("nothing", []),
        ("refund nothing", []),
        ('"', []),
        ("order AND", []),
        ("order* OR (", []),
    ],
)
async def test_full_text_finds_records_that_hold_all_words(
    store: RecordStore, tenant: str, ids: list[str], text: str, expected: list[int]
) -> None:
    page = await store.search(records(tenant), Query(text=text))
    assert ([hit.id for hit in page.hits], page.total) == ([ids[number] for number in expected], len(expected))


async def test_full_text_takes_an_accented_letter_for_the_plain_one(
    store: RecordStore, store_at: At, tenant: str, ids: list[str]
) -> None:
    if store_at.adapter == "elasticsearch" and not await folds_accents(store_at.location):
        pytest.skip("this Elasticsearch lacks the analysis-common module, which every full distribution has")
    page = await store.search(records(tenant), Query(text="cafe"))
    assert [hit.id for hit in page.hits] == [ids[2]]


async def test_full_text_and_conditions_hold_together(store: RecordStore, tenant: str, ids: list[str]) -> None:
    page = await store.search(records(tenant), Query(text="order", where={"data.priority": "low"}))
    assert [hit.id for hit in page.hits] == [ids[1], ids[3]]


async def test_full_text_finds_events_by_their_message(store: RecordStore, tenant: str) -> None:
    place = Place(tenant, Collection.EVENTS)
    texts = {"e1": "job was planned", "e2": "job was paused"}
    await put_all(store, place, {id_: event(tenant, number, text) for number, (id_, text) in enumerate(texts.items())})
    page = await store.search(place, Query(text="Planned"))
    assert [hit.id for hit in page.hits] == ["e1"]


async def test_full_text_follows_a_deletion(store: RecordStore, tenant: str, ids: list[str]) -> None:
    await store.delete(slots(tenant), [ids[0]])
    await store.visible(records(tenant))
    page = await store.search(records(tenant), Query(text="refund"))
    assert [hit.id for hit in page.hits] == [ids[3]]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("data.score", [1, 0, 2, 3]),
        ("-data.score", [2, 0, 1, 3]),
        ("data.priority", [0, 1, 2, 3]),
        ("-slot", [3, 2, 1, 0]),
        (None, [0, 1, 2, 3]),
    ],
)
async def test_pages_are_in_order_with_missing_values_last(
    store: RecordStore, tenant: str, ids: list[str], sort: str | None, expected: list[int]
) -> None:
    for limit in (1, 2, 3, 4, 100):
        found = await _all_pages(store, records(tenant), Query(sort=sort, limit=limit))
        assert found == [ids[number] for number in expected]


async def _all_pages(store: RecordStore, place: Place, query: Query) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await store.search(place, Query(query.where, query.text, query.sort, query.limit, cursor))
        assert len(page.hits) <= query.limit
        found += [hit.id for hit in page.hits]
        cursor = page.cursor
        if cursor is None:
            return found


async def test_the_total_counts_all_matches_on_every_page(store: RecordStore, tenant: str, ids: list[str]) -> None:
    first = await store.search(records(tenant), Query(limit=3))
    second = await store.search(records(tenant), Query(limit=3, cursor=first.cursor))
    assert (first.total, second.total, len(second.hits)) == (len(ids), len(ids), 1)
    none = await store.search(records(tenant), Query(limit=0))
    assert (list(none.hits), none.total, none.cursor) == ([], len(ids), None)


@pytest.mark.parametrize("sort", ["data.score", "-data.score", None])
async def test_a_cursor_is_stable_while_documents_are_inserted(
    store: RecordStore, tenant: str, sort: str | None
) -> None:
    before = await put_records(store, tenant, *({"score": number // 2} for number in range(30)))
    found: list[str] = []
    cursor: str | None = None
    slot = len(before)
    while True:
        page = await store.search(records(tenant), Query(sort=sort, limit=4, cursor=cursor))
        found += [hit.id for hit in page.hits]
        cursor = page.cursor
        if cursor is None:
            break
        if slot < 60:
            news = [slot_write(accepted(tenant, slot + step, {"score": (slot * 7 + step) % 15})) for step in range(5)]
            await store.bulk(news)
            await store.visible(slots(tenant))
            slot += 5
    assert len(found) == len(set(found))
    assert set(before) <= set(found)


@pytest.mark.parametrize("cursor", ["nonsense", "W10=", "é"])
async def test_a_foreign_cursor_is_the_callers_fault(store: RecordStore, tenant: str, cursor: str) -> None:
    with pytest.raises(UserError, match="cursor"):
        await store.search(records(tenant), Query(cursor=cursor))


async def test_a_cursor_of_another_order_is_the_callers_fault(store: RecordStore, tenant: str, ids: list[str]) -> None:
    page = await store.search(records(tenant), Query(sort="data.score", limit=1))
    with pytest.raises(UserError, match="cursor"):
        await store.search(records(tenant), Query(sort="data.priority", limit=1, cursor=page.cursor))


@pytest.mark.parametrize("path", ["", "a..b", "a b", "a'b", 'a"b', "a;b", "a)", "a.b]", "$", "a\0", "x" * 200])
async def test_what_is_no_field_path_is_the_callers_fault(store: RecordStore, tenant: str, path: str) -> None:
    place = records(tenant)
    with pytest.raises(UserError, match="path"):
        await store.count(place, {path: 1})
    with pytest.raises(UserError, match="path"):
        await store.search(place, Query(sort=f"-{path}"))
    with pytest.raises(UserError, match="path"):
        await store.facets(place, path)
    with pytest.raises(UserError, match="path"):
        await store.totals(place, [path])


@pytest.mark.parametrize("limit", [-1, 10_001])
async def test_a_page_of_impossible_size_is_the_callers_fault(store: RecordStore, tenant: str, limit: int) -> None:
    with pytest.raises(UserError, match="10000"):
        await store.search(records(tenant), Query(limit=limit))
    with pytest.raises(UserError, match="10000"):
        await store.sample(records(tenant), limit, 1)


async def test_facets_count_documents_by_value_most_frequent_first(
    store: RecordStore, tenant: str, ids: list[str]
) -> None:
    place = records(tenant)
    assert list((await store.facets(place, "data.priority")).items()) == [("low", 3), ("high", 1)]
    assert await store.facets(place, "data.tags") == {"order": 2, "money": 1}
    assert await store.facets(place, "data.lines.sku") == {"a": 1, "b": 1}
    assert await store.facets(place, "data.customer.city") == {"Oslo": 1}
    assert await store.facets(place, "data.urgent") == {"false": 2, "true": 1}
    assert await store.facets(place, "data.score", {"data.priority": "low"}) == {"3": 1, "10": 1}
    assert await store.facets(place, "data.priority", limit=1) == {"low": 3}
    assert await store.facets(place, "data.nothing") == {}


async def test_facets_count_within_words_and_conditions(store: RecordStore, tenant: str, ids: list[str]) -> None:
    place = records(tenant)
    assert await store.facets(place, "data.priority", text="refund") == {"high": 1, "low": 1}
    assert await store.facets(place, "data.priority", {"data.priority": "low"}, text="order") == {"low": 2}
    assert await store.facets(place, "data.tags", text="nothing") == {}


async def test_a_sample_is_random_and_the_same_for_the_same_seed(store: RecordStore, tenant: str) -> None:
    ids = await put_records(store, tenant, *({"score": number % 2} for number in range(200)))
    place = records(tenant)
    first = await store.sample(place, 20, 1)
    drawn = [hit.id for hit in first.hits]
    assert (len(set(drawn)), first.total, first.cursor) == (20, 200, None)
    assert set(drawn) <= set(ids)
    assert drawn not in (ids[:20], sorted(drawn))
    assert [hit.id for hit in (await store.sample(place, 20, 1)).hits] == drawn
    assert [hit.id for hit in (await store.sample(place, 20, 2)).hits] != drawn


async def test_samples_of_many_seeds_leave_no_record_out(store: RecordStore, tenant: str) -> None:
    ids = await put_records(store, tenant, *({"score": number} for number in range(30)))
    drawn = [{hit.id for hit in (await store.sample(records(tenant), 10, seed)).hits} for seed in range(40)]
    assert set().union(*drawn) == set(ids)


async def test_a_sample_is_drawn_from_the_matches_alone(store: RecordStore, tenant: str, ids: list[str]) -> None:
    place = records(tenant)
    low = await store.sample(place, 2, 7, {"data.priority": "low"})
    assert (len(low.hits), low.total) == (2, 3)
    assert {hit.id for hit in low.hits} < set(ids[1:])
    refunds = await store.sample(place, 100, 7, text="refund")
    assert {hit.id for hit in refunds.hits} == {ids[0], ids[3]}
    assert (await store.sample(place, 0, 7)).total == len(ids)


async def test_a_sample_keeps_its_order_while_records_come_in(store: RecordStore, tenant: str) -> None:
    await put_records(store, tenant, *({"score": number} for number in range(50)))
    before = [hit.id for hit in (await store.sample(records(tenant), 50, 3)).hits]
    await store.bulk([slot_write(accepted(tenant, slot, {"score": slot})) for slot in range(50, 100)])
    await store.visible(slots(tenant))
    after = [hit.id for hit in (await store.sample(records(tenant), 100, 3)).hits]
    assert [id_ for id_ in after if id_ in before] == before


async def test_states_and_reject_classes_are_facets(store: RecordStore, tenant: str) -> None:
    documents = [accepted(tenant, 0, {}), failed(tenant, 1, 1), failed(tenant, 2, 1), failed(tenant, 3, 1, parked=True)]
    await store.bulk([slot_write(document) for document in documents])
    rejects = Place(tenant, Collection.REJECTS)
    classes = [RejectClass.SCHEMA, RejectClass.PARSE, RejectClass.SCHEMA]
    await put_all(store, rejects, {f"r{n}": reject(tenant, n, class_) for n, class_ in enumerate(classes)})
    await store.visible(slots(tenant))
    states = await store.facets(slots(tenant), "state", {"job_id": JOB})
    assert states == {"exhausted": 2, "accepted": 1, "parked": 1}
    assert await store.facets(rejects, "reject_class", {"job_id": JOB}) == {"schema": 2, "parse": 1}
    assert (
        await store.count(slots(tenant), {"state": "exhausted", "reject_class": ["schema", "parse"], "round": 1}) == 2
    )


async def test_totals_sum_numbers_and_take_the_rest_for_nothing(store: RecordStore, tenant: str) -> None:
    place = Place(tenant, Collection.CALLS)
    documents = [
        call(tenant, 1, cost=0.25),
        call(tenant, 2, cost=None),
        call(tenant, 3, cost=0.5),
        call(tenant, 4, job="x"),
    ]
    await put_all(store, place, {document["call_id"]: document for document in documents})
    totals = await store.totals(place, ["prompt_tokens", "cost_usd", "route", "nothing"], {"job_id": JOB})
    assert totals.count == 3
    assert totals.sums == {"prompt_tokens": 30.0, "cost_usd": 0.75, "route": 0.0, "nothing": 0.0}
    assert totals.held == {"prompt_tokens": 3, "cost_usd": 2, "route": 0, "nothing": 0}
    none = await store.totals(place, ["cost_usd"], {"job_id": "nobody"})
    assert (none.count, none.sums, none.held) == (0, {"cost_usd": 0.0}, {"cost_usd": 0})


async def test_records_show_accepted_slots_only(store: RecordStore, tenant: str) -> None:
    await store.bulk([slot_write(document) for document in (accepted(tenant, 0, {}), failed(tenant, 1, 1))])
    await store.visible(records(tenant))
    accepted_id, failed_id = f"{JOB}-0", f"{JOB}-1"
    got = await store.get_many(records(tenant), [accepted_id, failed_id])
    assert [stored is not None for stored in got] == [True, False]
    assert [stored.id async for stored in store.scan(records(tenant))] == [accepted_id]
    assert await store.count(records(tenant)) == 1
    assert await store.count(slots(tenant)) == 2


@pytest.mark.parametrize("sort", [None, "slot", "data.score", "content_hash"])
async def test_a_scan_gives_every_match_once_and_in_order(store: RecordStore, tenant: str, sort: str | None) -> None:
    await put_records(store, tenant, *({"score": number * 37 % 100} for number in range(1_000)))
    await put_records(store, tenant, {"score": 1}, job="other")
    found = [stored async for stored in store.scan(records(tenant), {"job_id": JOB}, sort=sort)]
    assert len({stored.id for stored in found}) == len(found) == 1_000
    keys = {
        None: [stored.id for stored in found],
        "slot": [stored.document["slot"] for stored in found],
        "data.score": [stored.document["data"]["score"] for stored in found],
        "content_hash": [stored.document["content_hash"] for stored in found],
    }[sort]
    assert keys == sorted(keys)


@pytest.mark.parametrize("sort", [None, "slot"])
async def test_a_scan_goes_on_while_others_write_and_delete(store: RecordStore, tenant: str, sort: str | None) -> None:
    ids = await put_records(store, tenant, *({"score": number} for number in range(600)))
    seen: list[str] = []
    async for stored in store.scan(slots(tenant), sort=sort):
        seen.append(stored.id)
        if len(seen) == 10:
            await store.delete(slots(tenant), ids[500:550])
            await store.bulk([slot_write(accepted(tenant, slot, {})) for slot in range(600, 650)])
            await store.visible(slots(tenant))
    assert len(seen) == len(set(seen))
    assert set(ids[:500] + ids[550:]) <= set(seen)


async def test_a_scan_can_be_left_early(store: RecordStore, tenant: str) -> None:
    await put_records(store, tenant, *({"score": number} for number in range(300)))
    scan = store.scan(records(tenant), sort="slot")
    assert (await anext(scan)).document["slot"] == 0
    await scan.aclose()  # type: ignore[attr-defined]
    assert await store.count(records(tenant)) == 300


async def test_other_collections_are_searched_by_their_fields(store: RecordStore, tenant: str) -> None:
    place = Place(tenant, Collection.CALLS)
    await store.bulk([Write(place, f"c{number}", call(tenant, number, tokens=number)) for number in range(10)])
    await store.visible(place)
    page = await store.search(place, Query(where={"prompt_tokens": Range(3, 5)}, sort="-prompt_tokens"))
    assert [hit.id for hit in page.hits] == ["c5", "c4", "c3"]
