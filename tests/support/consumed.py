"""Plays the consumer between two runs of a worker: every slot that was asked for is accepted, and counted."""

import hashlib
from collections.abc import Callable, Mapping

from pydantic import JsonValue

from synthmill.jobs.advance import advance
from synthmill.jobs.status import job_status
from synthmill.ports.broker import Queue, Settlement
from synthmill.services import Services
from synthmill_schemas.generation import GenerationRequest
from synthmill_schemas.ids import canonical_json, record_id
from synthmill_schemas.slot import SlotDocument
from tests.support.jobs import accepted
from tests.support.made import put_slots

Write = Callable[[Mapping[str, JsonValue]], JsonValue]
"""From a slot's attributes to what a model says about them."""


async def consumed(services: Services, write: Write = str) -> list[str | None]:
    """Accepts the slots of all requests in the queue and moves their jobs on; the seed of each slot."""
    requests = [GenerationRequest.model_validate_json(body) for body in await _bodies(services)]
    slots = [slot for request in requests for slot in slots_of(request, write)]
    await put_slots(services, *slots)
    for job_id in dict.fromkeys(request.job_id for request in requests):
        tenant = services.settings.tenant
        await advance(services, tenant, await job_status(services.store, tenant, job_id))
    return [slot.seed_id for slot in slots]


def slots_of(request: GenerationRequest, write: Write = str) -> list[SlotDocument]:
    """The request's slots, accepted."""
    made = [name for name in request.output if name in {column.name for column in request.columns}]
    found = []
    for slot in request.slots:
        data = {**slot.attributes, **{name: write(slot.attributes) for name in made}}
        fields = {
            "record_id": record_id(request.job_id, slot.slot),
            "dataset": request.dataset,
            "tenant": request.tenant,
            "seed_id": slot.seed_id,
            "lineage": slot.lineage,
            "attributes": slot.attributes,
            "data": {name: data[name] for name in request.output},
            "content_hash": hashlib.sha256(canonical_json(data).encode()).hexdigest(),
        }
        found.append(accepted(request.job_id, slot.slot, **fields))
    return found


async def _bodies(services: Services) -> list[bytes]:
    """What is in the queue, which is empty afterwards."""
    bodies: list[bytes] = []
    count = (await services.broker.depth(Queue.GENERATION)).ready
    if count:
        async with services.broker.consume(Queue.GENERATION, prefetch=count) as consumption:
            async for delivery in consumption:
                bodies.append(delivery.message.body)
                await consumption.settle(delivery, Settlement.ACK)
                if len(bodies) == count:
                    break
    return bodies
