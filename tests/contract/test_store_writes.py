"""How every record store writes, judges, patches and deletes."""

import asyncio
import math

import pytest

from synthmill.errors import VersionConflict
from synthmill.ports.records import Collection, Document, Place, RecordStore, Write, WriteMode, WriteStatus
from synthmill_schemas.ids import ACCEPTED_RANK
from tests.support.ports import At
from tests.support.store_documents import (
    DATASET,
    RECORD_SCHEMA,
    accepted,
    call,
    claim,
    event,
    failed,
    put_all,
    put_records,
    records,
    slot_write,
    slots,
)


def calls(tenant: str) -> Place:
    """Where calls lie."""
    return Place(tenant, Collection.CALLS)


async def test_preparing_again_keeps_what_is_there(store: RecordStore, tenant: str) -> None:
    await put_all(store, calls(tenant), {"c": call(tenant, 1)})
    await store.prepare()
    assert await store.get(calls(tenant), "c") is not None


async def test_a_document_is_got_at_once_as_it_was_written(store: RecordStore, tenant: str) -> None:
    data = {
        "subject": "Ümläut 🙂",
        "body": 'line\nbreak\t"quote" \\ \u0000',
        "score": -(2**53),
        "tags": [],
        "weight": 0.1,
    }
    document = accepted(tenant, 0, data)
    await store.bulk([slot_write(document)])
    stored = await store.get(slots(tenant), document["record_id"])
    assert stored is not None
    assert (stored.id, stored.document) == (document["record_id"], document)


async def test_what_was_never_written_is_not_there(store: RecordStore, tenant: str) -> None:
    assert await store.get(calls(tenant), "nothing") is None
    assert await store.get(slots(tenant), "nothing") is None
    assert await store.get_many(calls(tenant), []) == []


async def test_get_many_answers_in_the_order_of_the_ids(store: RecordStore, tenant: str) -> None:
    await put_all(store, calls(tenant), {f"c{number}": call(tenant, number) for number in range(5)})
    got = await store.get_many(calls(tenant), ["c3", "nothing", "c0", "c3"])
    assert [stored.id if stored else None for stored in got] == ["c3", None, "c0", "c3"]


async def test_create_writes_only_where_the_id_is_free(store: RecordStore, tenant: str) -> None:
    place = Place(tenant, Collection.CLAIMS)
    first, second = (Write(place, "content", claim(tenant, holder), WriteMode.CREATE) for holder in ("r-1", "r-2"))
    results = await store.bulk([first, second])
    assert [result.status for result in results] == [WriteStatus.STORED, WriteStatus.ALREADY]
    stored = await store.get(place, "content")
    assert stored is not None
    assert stored.document["record_id"] == "r-1"


async def test_of_many_claims_at_once_exactly_one_wins(store: RecordStore, store_at: At, tenant: str) -> None:
    place = Place(tenant, Collection.CLAIMS)
    async with store_at.store() as other:
        racing = [
            racer.bulk([Write(place, "content", claim(tenant, f"r-{number}"), WriteMode.CREATE)])
            for number, racer in enumerate([store, other] * 25)
        ]
        results = await asyncio.gather(*racing)
    winners = [f"r-{number}" for number, (result,) in enumerate(results) if result.status is WriteStatus.STORED]
    assert len(winners) == 1
    assert {result.status for (result,) in results} == {WriteStatus.STORED, WriteStatus.ALREADY}
    stored = await store.get(place, "content")
    assert stored is not None
    assert [stored.document["record_id"]] == winners


async def test_put_replaces_the_whole_document_under_a_higher_version(store: RecordStore, tenant: str) -> None:
    await put_all(store, calls(tenant), {"c": call(tenant, 1)})
    first = await store.get(calls(tenant), "c")
    await put_all(store, calls(tenant), {"c": call(tenant, 2, tokens=77)})
    second = await store.get(calls(tenant), "c")
    assert first is not None
    assert second is not None
    assert second.document["prompt_tokens"] == 77
    assert second.version > first.version


async def test_a_lower_rank_changes_nothing_and_counts_as_done(store: RecordStore, tenant: str) -> None:
    round_2 = slot_write(failed(tenant, 0, 2))
    writes = [round_2, slot_write(failed(tenant, 0, 1)), round_2]
    results = await store.bulk(writes)
    assert [result.status for result in results] == [WriteStatus.STORED, WriteStatus.ALREADY, WriteStatus.ALREADY]
    stored = await store.get(slots(tenant), round_2.id)
    assert stored is not None
    assert stored.document == round_2.document


async def test_an_accepted_slot_is_never_overwritten(store: RecordStore, tenant: str) -> None:
    first = slot_write(accepted(tenant, 0, {"subject": "first"}))
    second = slot_write(accepted(tenant, 0, {"subject": "second"}))
    results = [(await store.bulk([write]))[0].status for write in (first, second, slot_write(failed(tenant, 0, 1000)))]
    assert results == [WriteStatus.STORED, WriteStatus.ALREADY, WriteStatus.ALREADY]
    stored = await store.get(slots(tenant), first.id)
    assert stored is not None
    assert stored.document["data"] == {"subject": "first"}


async def test_answers_come_in_the_order_of_the_bulk(store: RecordStore, tenant: str) -> None:
    documents = {f"c{number}": call(tenant, number) for number in range(50)}
    results = await put_all(store, calls(tenant), documents)
    assert [result.id for result in results] == list(documents)
    assert await store.bulk([]) == []


async def test_one_refused_document_does_not_touch_the_others(store: RecordStore, tenant: str) -> None:
    await store.ensure_dataset(tenant, DATASET, RECORD_SCHEMA)
    data: list[Document] = [{"score": 1}, {"score": {"an": "object"}}, {"score": 3}]
    good, bad, also_good = (slot_write(accepted(tenant, slot, content)) for slot, content in enumerate(data))
    results = await store.bulk([good, bad, also_good])
    assert [result.status for result in results] == [WriteStatus.STORED, WriteStatus.REFUSED, WriteStatus.STORED]
    assert "score" in (results[1].reason or "")
    got = await store.get_many(slots(tenant), [good.id, bad.id, also_good.id])
    assert [stored is not None for stored in got] == [True, False, True]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
async def test_a_number_that_json_does_not_know_is_refused(store: RecordStore, tenant: str, number: float) -> None:
    document = accepted(tenant, 0, {}) | {"data": {"weight": number}}
    (result,) = await store.bulk([slot_write(document)])
    assert result.status is WriteStatus.REFUSED
    assert await store.get(slots(tenant), document["record_id"]) is None


@pytest.mark.parametrize("id_", ["", "x" * 513])
async def test_an_unusable_id_is_refused(store: RecordStore, tenant: str, id_: str) -> None:
    (result,) = await store.bulk([Write(calls(tenant), id_, call(tenant, 1))])
    assert result.status is WriteStatus.REFUSED


async def test_a_ranked_write_without_a_rank_is_refused(store: RecordStore, tenant: str) -> None:
    document = failed(tenant, 0, 1)
    (result,) = await store.bulk([Write(slots(tenant), document["record_id"], document, WriteMode.RANKED)])
    assert result.status is WriteStatus.REFUSED


async def test_a_dataset_can_be_ensured_again_and_with_more_fields(store: RecordStore, tenant: str) -> None:
    await store.ensure_dataset(tenant, DATASET, RECORD_SCHEMA)
    (record,) = await put_records(store, tenant, {"subject": "kept"})
    more = {**RECORD_SCHEMA, "properties": {**RECORD_SCHEMA["properties"], "extra": {"type": "string"}}}
    await store.ensure_dataset(tenant, DATASET, more)
    await store.ensure_dataset(tenant, DATASET, more)
    assert await store.get(slots(tenant), record) is not None
    (result,) = await store.bulk([slot_write(accepted(tenant, 1, {"extra": "text"}))])
    assert result.status is WriteStatus.STORED


async def test_patch_replaces_the_named_top_level_fields(store: RecordStore, tenant: str) -> None:
    await put_all(store, calls(tenant), {"c": call(tenant, 1)})
    stored = await store.get(calls(tenant), "c")
    assert stored is not None
    patched = await store.patch(calls(tenant), "c", {"attempt_ids": ["new"], "cost_usd": None}, expected=stored.version)
    assert patched.document == stored.document | {"attempt_ids": ["new"], "cost_usd": None}
    assert patched.version > stored.version
    assert await store.get(calls(tenant), "c") == patched


async def test_a_patch_of_another_version_conflicts_and_changes_nothing(store: RecordStore, tenant: str) -> None:
    await put_all(store, calls(tenant), {"c": call(tenant, 1)})
    stored = await store.get(calls(tenant), "c")
    assert stored is not None
    patched = await store.patch(calls(tenant), "c", {"prompt_tokens": 1}, expected=stored.version)
    with pytest.raises(VersionConflict):
        await store.patch(calls(tenant), "c", {"prompt_tokens": 2}, expected=stored.version)
    assert await store.get(calls(tenant), "c") == patched


async def test_a_patch_of_what_is_gone_or_made_anew_conflicts(store: RecordStore, tenant: str) -> None:
    await put_all(store, calls(tenant), {"c": call(tenant, 1)})
    stored = await store.get(calls(tenant), "c")
    assert stored is not None
    await store.delete(calls(tenant), ["c"])
    with pytest.raises(VersionConflict):
        await store.patch(calls(tenant), "c", {"prompt_tokens": 2}, expected=stored.version)
    await put_all(store, calls(tenant), {"c": call(tenant, 1)})
    with pytest.raises(VersionConflict):
        await store.patch(calls(tenant), "c", {"prompt_tokens": 2}, expected=stored.version)


async def test_of_many_patches_of_one_version_exactly_one_wins(store: RecordStore, store_at: At, tenant: str) -> None:
    await put_all(store, calls(tenant), {"c": call(tenant, 1)})
    stored = await store.get(calls(tenant), "c")
    assert stored is not None
    async with store_at.store() as other:
        patches = (
            racer.patch(calls(tenant), "c", {"prompt_tokens": number}, expected=stored.version)
            for number, racer in enumerate([store, other] * 10)
        )
        outcomes = await asyncio.gather(*patches, return_exceptions=True)
    won = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    assert len(won) == 1
    assert sum(isinstance(outcome, VersionConflict) for outcome in outcomes) == 19
    assert await store.get(calls(tenant), "c") == won[0]


async def test_delete_takes_the_named_documents_and_counts_them(store: RecordStore, tenant: str) -> None:
    ids = await put_records(store, tenant, *({"subject": f"number {number}"} for number in range(4)))
    assert await store.delete(slots(tenant), [ids[1], "nothing", ids[2]]) == 2
    await store.visible(slots(tenant))
    assert [stored.id async for stored in store.scan(records(tenant))] == sorted([ids[0], ids[3]])
    assert await store.get(slots(tenant), ids[1]) is None
    assert await store.delete(slots(tenant), []) == 0


async def test_records_are_read_only(store: RecordStore, tenant: str) -> None:
    (id_,) = await put_records(store, tenant, {"subject": "kept"})
    write = Write(records(tenant), id_, accepted(tenant, 0, {}), WriteMode.RANKED, ACCEPTED_RANK)
    with pytest.raises(ValueError, match="read-only"):
        await store.bulk([write])
    with pytest.raises(ValueError, match="read-only"):
        await store.patch(records(tenant), id_, {"since": 1}, expected=1)
    with pytest.raises(ValueError, match="read-only"):
        await store.delete(records(tenant), [id_])


async def test_slots_and_records_need_a_dataset(store: RecordStore, tenant: str) -> None:
    for collection in (Collection.SLOTS, Collection.RECORDS):
        with pytest.raises(ValueError, match="dataset"):
            await store.get(Place(tenant, collection), "id")


async def test_everything_outlives_the_client(store_at: At, tenant: str) -> None:
    async with store_at.store() as store:
        await put_all(store, Place(tenant, Collection.EVENTS), {"e": event(tenant, 1, "something happened")})
        await store.promote(tenant, DATASET, 3)
    async with store_at.store() as store:
        assert await store.get(Place(tenant, Collection.EVENTS), "e") is not None
        assert await store.latest(tenant, DATASET) == 3


async def test_promoting_moves_latest_of_this_dataset_only(store: RecordStore, tenant: str) -> None:
    assert await store.latest(tenant, DATASET) is None
    await store.ensure_dataset(tenant, DATASET, RECORD_SCHEMA)
    assert await store.latest(tenant, DATASET) is None
    for version in (1, 2):
        await store.promote(tenant, DATASET, version)
        assert await store.latest(tenant, DATASET) == version
    await store.promote(tenant, DATASET, 1)  # by somebody who was slow
    assert await store.latest(tenant, DATASET) == 2
    assert await store.latest(tenant, "other") is None
