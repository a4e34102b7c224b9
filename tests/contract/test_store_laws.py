"""What holds for every record store whatever happens in whatever order: ranks, tenants, visibility."""

import itertools
import uuid

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synthmill.ports.records import Collection, Document, Place, Query, RecordStore, Write, WriteStatus
from synthmill_schemas.slot import RejectClass
from tests.support.store_documents import (
    DATASET,
    JOB,
    RECORD_SCHEMA,
    accepted,
    call,
    claim,
    event,
    failed,
    put_all,
    put_records,
    records,
    reject,
    slot_write,
    slots,
)

OUTCOMES = st.one_of(
    st.just(("accepted", 0)),
    st.tuples(st.sampled_from(["exhausted", "parked"]), st.integers(1, 6)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(outcomes=st.lists(OUTCOMES, min_size=1, max_size=8), bulk_size=st.integers(1, 8))
async def test_slots_end_in_the_same_state_in_any_order(
    store: RecordStore, tenant: str, outcomes: list[tuple[str, int]], bulk_size: int
) -> None:
    job = f"j{uuid.uuid4().hex[:12]}"
    writes = [slot_write(_outcome(tenant, job, outcome)) for outcome in outcomes]
    statuses: list[WriteStatus] = []
    for chunk in (writes[start : start + bulk_size] for start in range(0, len(writes), bulk_size)):
        statuses += [result.status for result in await store.bulk(chunk)]
    stored = await store.get(slots(tenant), f"{job}-0")
    assert stored is not None
    found = (stored.document["state"], stored.document["round"] if stored.document["state"] != "accepted" else 0)
    assert found == max(outcomes, key=_rank)
    best_so_far = list(itertools.accumulate((_rank(outcome) for outcome in outcomes), max))
    rises = [True, *(later > earlier for earlier, later in itertools.pairwise(best_so_far))]
    assert [status is WriteStatus.STORED for status in statuses] == rises


def _outcome(tenant: str, job: str, outcome: tuple[str, int]) -> Document:
    state, round_ = outcome
    if state == "accepted":
        return accepted(tenant, 0, {"subject": "done"}, job=job)
    return failed(tenant, 0, round_, parked=state == "parked", job=job)


def _rank(outcome: tuple[str, int]) -> tuple[bool, int, bool]:
    """Accepted above all, then the later round, then parked."""
    state, round_ = outcome
    return state == "accepted", round_, state == "parked"


def _one_of_each(tenant: str) -> dict[Place, tuple[str, Document]]:
    return {
        Place(tenant, Collection.CALLS): ("x", call(tenant, 1)),
        Place(tenant, Collection.CLAIMS): ("x", claim(tenant, "r-1")),
        Place(tenant, Collection.EVENTS): ("x", event(tenant, 1, "words of a message")),
        Place(tenant, Collection.REJECTS): ("x", reject(tenant, 1, RejectClass.PARSE)),
        slots(tenant): (f"{JOB}-0", accepted(tenant, 0, {"subject": "words of a record"})),
    }


async def test_no_operation_reaches_another_tenants_documents(store: RecordStore, tenant: str) -> None:
    other = f"{tenant}x"
    await store.ensure_dataset(tenant, DATASET, RECORD_SCHEMA)
    await store.ensure_dataset(other, DATASET, RECORD_SCHEMA)
    mine = _one_of_each(tenant)
    for place, (id_, document) in mine.items():
        await put_all(store, place, {id_: document})
    for place, (id_, _) in mine.items():
        await _assert_nothing_there(store, Place(other, place.collection, place.dataset), id_)
    await _assert_nothing_there(store, records(other), f"{JOB}-0")
    await store.promote(tenant, DATASET, 7)
    assert await store.latest(other, DATASET) is None
    for place, (id_, document) in mine.items():
        await store.bulk([Write(Place(other, place.collection, place.dataset), id_, document | {"tenant": other})])
        await store.delete(Place(other, place.collection, place.dataset), [id_])
        stored = await store.get(place, id_)
        assert stored is not None
        assert stored.document == document


async def _assert_nothing_there(store: RecordStore, place: Place, id_: str) -> None:
    """Every way of reading finds nothing."""
    assert await store.get(place, id_) is None
    assert await store.get_many(place, [id_]) == [None]
    assert (await store.search(place, Query())).total == 0
    assert await store.facets(place, "job_id") == {}
    assert await store.count(place) == 0
    assert (await store.totals(place, ["round"])).count == 0
    assert [stored async for stored in store.scan(place)] == []
    assert [stored async for stored in store.scan(place, sort="job_id")] == []
    if place.collection in {Collection.RECORDS, Collection.EVENTS}:
        assert (await store.search(place, Query(text="words"))).total == 0
    if place.collection is not Collection.RECORDS:
        assert await store.delete(place, [id_]) == 0


async def test_datasets_are_kept_apart_and_other_collections_are_not(store: RecordStore, tenant: str) -> None:
    await put_records(store, tenant, {"subject": "here"})
    await put_records(store, tenant, {"subject": "there"}, {"subject": "too"}, dataset="other")
    assert await store.count(records(tenant)) == 1
    assert await store.count(records(tenant, "other")) == 2
    await put_all(store, Place(tenant, Collection.CALLS), {"c": call(tenant, 1)})
    assert await store.get(Place(tenant, Collection.CALLS, DATASET), "c") is not None


async def test_collections_are_kept_apart(store: RecordStore, tenant: str) -> None:
    await put_all(store, Place(tenant, Collection.CALLS), {"x": call(tenant, 1)})
    for collection in (Collection.REJECTS, Collection.EVENTS, Collection.CLAIMS, Collection.JOBS):
        assert await store.get(Place(tenant, collection), "x") is None


async def test_after_visible_every_way_of_reading_sees_the_last_write(store: RecordStore, tenant: str) -> None:
    place = records(tenant)
    for step in range(3):
        written = slot_write(accepted(tenant, step, {"subject": f"unique{step}", "score": step}))
        await store.bulk([written])
        await store.visible(place)
        assert await store.count(place) == step + 1
        assert (await store.search(place, Query(text=f"unique{step}"))).total == 1
        assert (await store.facets(place, "data.score"))[str(step)] == 1
        assert (await store.totals(place, ["data.score"])).sums["data.score"] == sum(range(step + 1))
        assert len([stored async for stored in store.scan(place)]) == step + 1


async def test_after_visible_replaced_and_deleted_documents_are_seen_as_they_are(
    store: RecordStore, tenant: str
) -> None:
    place = Place(tenant, Collection.EVENTS)
    await put_all(store, place, {"a": event(tenant, 1, "before"), "b": event(tenant, 2, "before")})
    await store.delete(place, ["b"])
    await put_all(store, place, {"a": event(tenant, 1, "after")})
    assert (await store.search(place, Query(text="before"))).total == 0
    page = await store.search(place, Query(text="after"))
    assert [hit.document["message"] for hit in page.hits] == ["after"]
    assert await store.count(place) == 1


async def test_visible_takes_several_places_and_none(store: RecordStore, tenant: str) -> None:
    await store.visible()
    await store.bulk([Write(Place(tenant, Collection.CALLS), "c", call(tenant, 1)), slot_write(failed(tenant, 0, 1))])
    await store.visible(Place(tenant, Collection.CALLS), slots(tenant), Place(tenant, Collection.EVENTS))
    assert await store.count(Place(tenant, Collection.CALLS)) == 1
    assert await store.count(slots(tenant)) == 1
