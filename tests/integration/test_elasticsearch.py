"""What the record store keeps when Elasticsearch is killed, and what only real indexes can show."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from elasticsearch import AsyncElasticsearch
from pydantic import HttpUrl

from synthmill.errors import StoreUnavailable, UserError
from synthmill.ports.records import (
    Collection,
    Document,
    Place,
    Query,
    Range,
    RecordStore,
    Stored,
    Write,
    WriteMode,
    WriteResult,
    WriteStatus,
)
from synthmill.settings import ElasticSettings
from synthmill.stack.elastic import ElasticRecordStore, mappings, templates
from tests.support.messages import PATIENCE
from tests.support.on_stack import ON_STACK
from tests.support.servers import Server, own_server
from tests.support.stack import elastic_settings, elasticsearch, remove_indices
from tests.support.store_documents import (
    DATASET,
    RECORD_SCHEMA,
    accepted,
    call,
    event,
    failed,
    put_all,
    records,
    slot_write,
    slots,
)

pytestmark = list(ON_STACK)
TENANT = "acme"


@pytest.fixture(scope="module")
def location(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Indexes of this module on the server of the stack."""
    location = str(tmp_path_factory.mktemp("elasticsearch"))
    yield location
    asyncio.run(remove_indices(location))


@pytest.fixture
async def store(location: str) -> AsyncIterator[RecordStore]:
    """A store on them."""
    async with elasticsearch(location) as store:
        yield store


@pytest.fixture
async def raw(location: str) -> AsyncIterator[AsyncElasticsearch]:
    """The server without us between."""
    async with AsyncElasticsearch(str(elastic_settings(location).url)) as client:
        yield client


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """An Elasticsearch that tests may kill; whoever does starts it again."""
    with own_server("elasticsearch") as server:
        yield server


@asynccontextmanager
async def store_on(server: Server) -> AsyncIterator[RecordStore]:
    """A store on a test's own server."""
    url = HttpUrl(f"http://127.0.0.1:{server.port}")
    store = ElasticRecordStore(ElasticSettings(url=url, request_seconds=20))
    try:
        await store.prepare()
        yield store
    finally:
        await store.close()


async def until_written(store: RecordStore, writes: list[Write]) -> list[WriteResult]:
    """Writes as a service does: again, until it is answered."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await store.bulk(writes)
            except StoreUnavailable:
                await asyncio.sleep(0.2)


def a_dataset(name: str, *types: tuple[str, str]) -> tuple[str, Document]:
    """A dataset's name and the schema of its records."""
    return name, {"type": "object", "properties": {field: {"type": type_} for field, type_ in types}}


async def test_a_bulk_that_a_kill_cut_short_is_sent_again_and_every_slot_is_there_once(server: Server) -> None:
    async with store_on(server) as store:
        await store.ensure_dataset(TENANT, DATASET, RECORD_SCHEMA)
        writes = [slot_write(accepted(TENANT, number, {"subject": "x" * 2_000})) for number in range(8_000)]
        first = await store.bulk(writes[:500])
        writing = asyncio.create_task(store.bulk(writes))
        await store.visible(slots(TENANT))
        server.kill()
        with pytest.raises(StoreUnavailable):
            await writing
        await asyncio.to_thread(server.start)
        second = await until_written(store, writes)
        assert {result.status for result in first} == {WriteStatus.STORED}
        assert {result.status for result in second[:500]} == {WriteStatus.ALREADY}
        assert {result.status for result in second} == {WriteStatus.STORED, WriteStatus.ALREADY}
        await store.visible(slots(TENANT))
        found = [stored.document["slot"] async for stored in store.scan(slots(TENANT), sort="slot")]
        assert found == list(range(8_000))


async def test_in_an_outage_everything_is_unavailable_and_a_scan_goes_on_after_it(server: Server) -> None:
    async with store_on(server) as store:
        place = Place(TENANT, Collection.CALLS)
        ids = [f"c{number:05}" for number in range(2_000)]
        await put_all(store, place, {id_: call(TENANT, number) for number, id_ in enumerate(ids)})
        stored = await store.get(place, ids[0])
        assert stored is not None
        seen: list[str] = []
        async for each in store.scan(place):
            seen.append(each.id)
            if len(seen) == 700:  # in the midst of a page
                server.kill()
                await assert_unavailable(store, place, stored)
                await asyncio.to_thread(server.start)
        assert seen == ids
        assert await store.get(place, ids[0]) == stored


async def assert_unavailable(store: RecordStore, place: Place, stored: Stored) -> None:
    """Every operation says so, and none hangs."""
    for attempt in (
        store.prepare(),
        store.bulk([Write(place, "d", call(TENANT, 2))]),
        store.get(place, stored.id),
        store.patch(place, stored.id, {"round": 2}, expected=stored.version),
        store.search(place, Query()),
        store.count(place),
        store.delete(place, [stored.id]),
        store.visible(place),
        store.latest(TENANT, DATASET),
        store.ensure_dataset(TENANT, "other", RECORD_SCHEMA),
    ):
        with pytest.raises(StoreUnavailable):
            await attempt


async def test_a_refused_record_is_not_sent_again_with_those_that_were_stored(
    store: RecordStore, raw: AsyncElasticsearch, location: str
) -> None:
    name, schema = a_dataset("refusing", ("score", "integer"))
    await store.ensure_dataset(TENANT, name, schema)
    data: list[Document] = [{"score": 1}, {"score": "high"}, {"score": 3}]
    results = await store.bulk(
        [slot_write(accepted(TENANT, slot, content, dataset=name)) for slot, content in enumerate(data)]
    )
    assert [result.status for result in results] == [WriteStatus.STORED, WriteStatus.REFUSED, WriteStatus.STORED]
    assert "data.score" in (results[1].reason or "")
    alias = f"{elastic_settings(location).prefix}-slots-{TENANT}.{name}"
    stats = (await raw.indices.stats(index=alias, metric="indexing"))["_all"]["primaries"]["indexing"]
    assert stats["index_total"] == 2


async def test_a_recipe_that_adds_fields_keeps_its_index(
    store: RecordStore, raw: AsyncElasticsearch, location: str
) -> None:
    name, schema = a_dataset("growing", ("a", "string"))
    await store.ensure_dataset(TENANT, name, schema, job_id="job-1")
    _, wider = a_dataset(name, ("a", "string"), ("b", "integer"))
    await store.ensure_dataset(TENANT, name, wider, job_id="job-2")
    await store.bulk([slot_write(accepted(TENANT, 0, {"a": "x", "b": 5}, job="job-2", dataset=name))])
    await store.visible(records(TENANT, name))
    assert await store.count(records(TENANT, name), {"data.b": Range(4, 6)}) == 1
    assert len((await raw.indices.get(index=f"{elastic_settings(location).prefix}-records-{TENANT}.{name}*")).body) == 1


async def test_a_recipe_that_changes_a_type_gets_a_second_index_and_a_running_job_keeps_its_own(
    store: RecordStore, location: str
) -> None:
    name, schema = a_dataset("changing", ("score", "integer"), ("note", "string"))
    _, changed = a_dataset(name, ("score", "string"), ("note", "string"))
    await store.ensure_dataset(TENANT, name, schema, job_id="old")
    await store.bulk([slot_write(failed(TENANT, 0, 1, job="old", dataset=name))])
    async with elasticsearch(location) as another:  # as another service that knows the first index only
        assert await another.get(slots(TENANT, name), "old-0") is not None
        await store.ensure_dataset(TENANT, name, changed, job_id="new")
        await store.bulk([slot_write(accepted(TENANT, 0, {"score": "high"}, job="new", dataset=name))])
        assert await another.get(slots(TENANT, name), "new-0") is not None
        results = await another.bulk(
            [
                slot_write(accepted(TENANT, 0, {"score": 7}, job="old", dataset=name)),
                slot_write(accepted(TENANT, 1, {"score": "low"}, job="new", dataset=name)),
            ]
        )
    assert [result.status for result in results] == [WriteStatus.STORED] * 2
    place = records(TENANT, name)
    await store.visible(place)
    assert [stored.id async for stored in store.scan(slots(TENANT, name))] == ["new-0", "new-1", "old-0"]
    assert await store.count(place, {"data.score": 7}) == 1
    assert await store.count(place, {"data.score": ["high", 7]}) == 2
    assert await store.count(place, {"data.score": Range(1, 10)}) == 1
    assert await store.count(place, {"data.score": "high", "job_id": "new"}) == 1
    stored = await store.get(place, "old-0")
    assert stored is not None
    patched = await store.patch(slots(TENANT, name), "old-0", {"since": 1}, expected=stored.version)
    assert (await store.get(place, "old-0")) == patched
    assert await store.delete(slots(TENANT, name), ["old-0", "new-1"]) == 2


async def test_services_that_ensure_a_dataset_at_once_agree_on_its_indexes(location: str) -> None:
    name = "contested"
    schemas = [a_dataset(name, ("same", "string"), (f"f{number}", "integer"))[1] for number in range(6)]

    async def ensure(number: int) -> None:
        async with elasticsearch(location) as store:
            await store.ensure_dataset(TENANT, name, schemas[number], job_id=f"job-{number}")
            data = {"same": "x", f"f{number}": number}
            await store.bulk([slot_write(accepted(TENANT, 0, data, job=f"job-{number}", dataset=name))])

    await asyncio.gather(*(ensure(number) for number in range(6)))
    async with elasticsearch(location) as store:
        await store.visible(records(TENANT, name))
        for number in range(6):
            assert await store.count(records(TENANT, name), {f"data.f{number}": number}) == 1
        found = [stored.id async for stored in store.scan(slots(TENANT, name))]
        assert found == [f"job-{number}-0" for number in range(6)]


async def test_services_that_prepare_at_once_do_not_fail(tmp_path_factory: pytest.TempPathFactory) -> None:
    location = str(tmp_path_factory.mktemp("at-once"))

    async def prepare(number: int) -> None:
        async with elasticsearch(location) as store:
            await store.bulk([Write(Place(TENANT, Collection.CALLS), f"c{number}", call(TENANT, number))])

    try:
        await asyncio.gather(*(prepare(number) for number in range(4)))
        async with elasticsearch(location) as store:
            await store.visible(Place(TENANT, Collection.CALLS))
            assert await store.count(Place(TENANT, Collection.CALLS)) == 4
    finally:
        await remove_indices(location)


async def test_a_later_version_gives_old_indexes_its_new_fields(
    store: RecordStore, raw: AsyncElasticsearch, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, schema = a_dataset("old", ("a", "string"))
    await store.ensure_dataset(TENANT, name, schema)
    for module in (mappings, templates):
        monkeypatch.setattr(module, "VERSION", mappings.VERSION + 1)
    monkeypatch.setitem(mappings._FIELDS[Collection.SLOTS], "grade", mappings.LONG)
    await store.prepare()
    document = accepted(TENANT, 0, {"a": "x"}, dataset=name) | {"grade": 3}
    (result,) = await store.bulk([slot_write(document)])
    assert result.status is WriteStatus.STORED
    await store.visible(slots(TENANT, name))
    assert await store.count(slots(TENANT, name), {"grade": 3}) == 1


async def test_an_index_that_takes_no_writes_is_waited_for(
    store: RecordStore, raw: AsyncElasticsearch, location: str
) -> None:
    name, schema = a_dataset("blocked", ("a", "string"))
    await store.ensure_dataset(TENANT, name, schema)
    alias = f"{elastic_settings(location).prefix}-slots-{TENANT}.{name}"
    write = slot_write(accepted(TENANT, 0, {"a": "x"}, dataset=name))
    await raw.indices.put_settings(index=alias, settings={"index.blocks.write": True})
    with pytest.raises(StoreUnavailable):
        await store.bulk([write])
    await raw.indices.put_settings(index=alias, settings={"index.blocks.write": None})
    (result,) = await store.bulk([write])
    assert result.status is WriteStatus.STORED


async def test_readers_of_latest_see_the_promoted_version_only(
    store: RecordStore, raw: AsyncElasticsearch, location: str
) -> None:
    name, schema = a_dataset("versions", ("a", "string"))
    await store.ensure_dataset(TENANT, name, schema)
    spans = [(1, None), (1, 2), (2, None), (None, None)]
    documents = [
        accepted(TENANT, slot, {"a": "x"}, dataset=name) | {"since": since, "until": until}
        for slot, (since, until) in enumerate(spans)
    ]
    await store.bulk([slot_write(document) for document in documents])
    await store.visible(slots(TENANT, name))
    latest = f"{elastic_settings(location).prefix}-latest-{TENANT}.{name}"
    shown = {}
    for version in (1, 2):
        await store.promote(TENANT, name, version)
        hits = (await raw.search(index=latest, sort="slot"))["hits"]["hits"]
        shown[version] = [hit["_source"]["slot"] for hit in hits]
    assert shown == {1: [0, 1], 2: [0, 2]}


async def test_free_json_of_any_shape_is_kept_and_searched_where_it_can_be(store: RecordStore) -> None:
    place = Place(TENANT, Collection.EVENTS)
    deep: Document = {"leaf": 1}
    for _ in range(50):
        deep = {"in": deep}
    fields = {"seconds": 1.5, "count": 3, "ok": True, "a.b": "dotted", "": "nameless", "deep": deep, "mixed": [1, "x"]}
    document = event(TENANT, 1, "free") | {"fields": fields}
    (result,) = await put_all(store, place, {"e": document})
    assert (result.status, result.reason) == (WriteStatus.STORED, None)
    stored = await store.get(place, "e")
    assert stored is not None
    assert stored.document == document
    assert await store.count(place, {"fields.count": 3}) == 1
    assert await store.count(place, {"fields.ok": True}) == 1
    assert await store.facets(place, "fields.mixed") == {"1": 1, "x": 1}


async def test_a_patch_that_the_mapping_refuses_is_the_callers_fault(store: RecordStore) -> None:
    place = Place(TENANT, Collection.CALLS)
    await store.bulk([Write(place, "patched", call(TENANT, 1), WriteMode.CREATE)])
    stored = await store.get(place, "patched")
    assert stored is not None
    for changes in ({"prompt_tokens": "many"}, {"unheard_of": 1}):
        with pytest.raises(UserError, match="cannot be changed"):
            await store.patch(place, "patched", changes, expected=stored.version)
    assert await store.get(place, "patched") == stored


async def test_times_are_sorted_to_the_microsecond_across_pages(store: RecordStore) -> None:
    place = Place("clock", Collection.EVENTS)
    moments = ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001Z", "2026-01-01T00:00:00.000002Z"]
    await put_all(
        store, place, {f"e{n}": event("clock", n, "tick") | {"at": at} for n, at in enumerate(reversed(moments))}
    )
    found: list[str] = []
    cursor = None
    while len(found) < 3:
        page = await store.search(place, Query(sort="-at", limit=1, cursor=cursor))
        found += [hit.document["at"] for hit in page.hits]
        cursor = page.cursor
    assert (found, cursor) == (moments[::-1], None)
    assert await store.count(place, {"at": Range(low=moments[1])}) == 2
