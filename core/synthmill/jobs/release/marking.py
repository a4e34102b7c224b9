"""Writes into records from which version on they are shown, and until which: the same when it is done again.

A record is written under a rank of its own for each of the two marks, so that neither a late consumer nor a release
that is behind can take one away.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import closing

from synthmill.errors import StoreUnavailable
from synthmill.jobs.release.turn import Turn
from synthmill.jobs.release.versions import shown_in
from synthmill.jobs.seed_index import SeedIndex
from synthmill.ports.records import Collection, Document, Place, RecordStore, Where, Write, WriteMode, WriteStatus
from synthmill_schemas.ids import ENDED_RANK, RELEASED_RANK
from synthmill_schemas.job import JobDocument
from synthmill_schemas.slot import SlotState

_BATCH = 500  # records in memory at a time, and in one bulk


async def show_new(turn: Turn, job: JobDocument, seeds: SeedIndex) -> None:
    """Lets the version show every accepted record of the job that no earlier one does; notes their seeds."""
    store, number = turn.services.store, turn.releasing.number
    slots = Place(job.tenant, Collection.SLOTS, job.dataset)
    await store.visible(slots)
    where: Where = {"job_id": job.job_id, "state": SlotState.ACCEPTED.value}
    async for batch in batches(store, slots, where):
        ours = [document for document in batch if document.get("since") in (None, number)]
        await asyncio.to_thread(seeds.add, {d["seed_id"]: "" for d in ours if d.get("seed_id") is not None})
        new = [{**document, "since": number} for document in ours if document.get("since") is None]
        await turn.keep()
        await _write(store, slots, new, RELEASED_RANK)


async def end_replaced(turn: Turn, job: JobDocument, seeds: SeedIndex) -> None:
    """Ends what other jobs made of the same seeds, and for a refresh that prunes what it made of vanished ones."""
    number = turn.releasing.number
    if number == 1:
        return
    with closing(SeedIndex()) as current:
        prunes = job.refresh is not None and job.recipe.seeds.prune
        if prunes:
            await _current_seeds(turn, job, current)
        store, slots = turn.services.store, Place(job.tenant, Collection.SLOTS, job.dataset)
        where: Where = {"state": SlotState.ACCEPTED.value, **shown_in(number - 1)}
        async for batch in batches(store, slots, where):
            others = [d for d in batch if d["job_id"] != job.job_id and d.get("seed_id") is not None]
            ids = [document["seed_id"] for document in others]
            again = await asyncio.to_thread(seeds.contents, ids)
            there = await asyncio.to_thread(current.contents, ids) if prunes else dict.fromkeys(ids, "")
            over = [d for d in others if d["seed_id"] in again or d["seed_id"] not in there]
            await turn.keep()
            await _write(store, slots, [{**d, "until": number} for d in over if d.get("until") is None], ENDED_RANK)


async def batches(
    store: RecordStore, place: Place, where: Where, sort: str | None = None
) -> AsyncIterator[list[Document]]:
    """What a scan gives, some hundred documents at a time."""
    batch: list[Document] = []
    async for stored in store.scan(place, where, sort=sort):
        batch.append(stored.document)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def _current_seeds(turn: Turn, job: JobDocument, current: SeedIndex) -> None:
    store, inputs = turn.services.store, Place(job.tenant, Collection.INPUTS)
    await store.visible(inputs)
    for source in job.sources:
        async for batch in batches(store, inputs, {"seed_set": source.seed_set or ""}):
            await asyncio.to_thread(current.add, {document["seed_id"]: "" for document in batch})
            await turn.keep()


async def _write(store: RecordStore, place: Place, documents: Sequence[Document], rank: int) -> None:
    writes = [Write(place, d["record_id"], d, WriteMode.RANKED, rank) for d in documents]
    for result in await store.bulk(writes) if writes else []:
        if result.status is WriteStatus.REFUSED:
            raise StoreUnavailable(f"the release mark of {result.id} was refused: {result.reason}")
