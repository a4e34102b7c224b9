"""A worker and a player of the consumer at work, for flows that only order and watch."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from synthmill.ports.broker import Queue, Settlement
from synthmill.ports.records import Collection, Place
from synthmill.services import Services
from synthmill_schemas.generation import GenerationRequest
from synthmill_schemas.ids import record_id
from synthmill_schemas.slot import SlotDocument, SlotState
from synthmill_worker.runner import Worker
from tests.support.consumed import slots_of
from tests.support.made import put_slots

Answer = Callable[[GenerationRequest], list[SlotDocument]]


@dataclass
class Mill:
    """`paid` is the seed of every slot that was asked for, in order."""

    services: Services
    answer: Answer
    paid: list[str | None] = field(default_factory=list)

    async def consume(self) -> None:
        """Answers requests until cancelled."""
        async with self.services.broker.consume(Queue.GENERATION, prefetch=1) as consumption:
            async for delivery in consumption:
                request = await self._open(GenerationRequest.model_validate_json(delivery.message.body))
                self.paid += [slot.seed_id for slot in request.slots]
                await put_slots(self.services, *self.answer(request))
                await consumption.settle(delivery, Settlement.ACK)

    async def _open(self, request: GenerationRequest) -> GenerationRequest:
        """Without the slots that have a record: nobody asks for those again."""
        place = Place(request.tenant, Collection.SLOTS, request.dataset)
        found = await self.services.store.get_many(
            place, [record_id(request.job_id, each.slot) for each in request.slots]
        )
        left = [
            slot
            for slot, stored in zip(request.slots, found, strict=True)
            if stored is None or stored.document["state"] != SlotState.ACCEPTED
        ]
        return request.model_copy(update={"slots": left})

    def take(self) -> int:
        """How many slots were paid for since the last look."""
        count = len(self.paid)
        self.paid.clear()
        return count


@asynccontextmanager
async def milling(services: Services, answer: Answer = slots_of) -> AsyncIterator[Mill]:
    """Both at work while the context lasts."""
    worker, mill = Worker(services), Mill(services, answer)
    running = asyncio.create_task(worker.run())
    consuming = asyncio.create_task(mill.consume())
    try:
        yield mill
    finally:
        worker.stop()
        consuming.cancel()
        await asyncio.gather(consuming, return_exceptions=True)
        await running
