"""Plays worker and consumer for a flow under test: takes job messages, marks jobs planned, writes slot documents."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from synthmill.embedded import EmbeddedServices
from synthmill.jobs.documents import Changes, change_job, get_job
from synthmill.ports.broker import Queue, Settlement
from synthmill.recipes import recompile
from synthmill_schemas.job import JobDocument, JobMessage, JobState
from synthmill_schemas.slot import SlotDocument
from tests.support.jobs import HASH, TENANT, accepted, store_slots

T = TypeVar("T")

Outcome = Callable[[JobDocument], Sequence[SlotDocument]]
"""What the slots of a job's present round come to."""


def all_accepted(job: JobDocument) -> list[SlotDocument]:
    """Every slot with a record."""
    return [accepted(job.job_id, slot) for slot in range(job.records or 0)]


@dataclass
class Player:
    """`messages` are the ids of the job messages that came; `ended` is how a job rests, if not by its slots."""

    services: EmbeddedServices
    outcome: Outcome = all_accepted
    ended: Changes | None = None
    messages: list[str] = field(default_factory=list)

    async def play(self) -> None:
        """Runs until cancelled."""
        async with self.services.broker.consume(Queue.JOBS, prefetch=1) as consumption:
            async for delivery in consumption:
                self.messages.append(delivery.message.message_id)
                await self._work(JobMessage.model_validate_json(delivery.message.body).job_id)
                await consumption.settle(delivery, Settlement.ACK)

    async def _work(self, job_id: str) -> None:
        store = self.services.store
        job = (await get_job(store, TENANT, job_id)).document
        await store.ensure_dataset(TENANT, job.dataset, recompile(job.recipe).record_schema)
        planned = (await change_job(store, TENANT, job_id, _plan)).document
        await store_slots(self.services, *self.outcome(planned))
        if self.ended is not None:
            await change_job(store, TENANT, job_id, lambda _: self.ended)


def _plan(job: JobDocument) -> Changes:
    sources = [source.model_copy(update={"seed_set": HASH[:32], "seeds": 1}) for source in job.sources]
    return {"state": JobState.PLANNED, "records": job.recipe.target.records, "sources": sources}


@asynccontextmanager
async def playing(player: Player) -> AsyncIterator[Player]:
    """The player at work while the context lasts."""
    task = asyncio.create_task(player.play())
    try:
        yield player
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
