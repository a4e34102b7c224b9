"""Says what happened, in the store, where `synthmill logs` and the flow find it."""

import uuid
from typing import Literal

from synthmill.ports.records import Collection, Place, RecordStore, Write, WriteMode
from synthmill_schemas.base import JsonObject
from synthmill_schemas.event import EventDocument, Level

Service = Literal["cli", "api", "worker", "consumer", "bridge", "gateway", "flow", "reconcile"]


async def say(
    store: RecordStore,
    service: Service,
    name: str,
    message: str,
    *,
    tenant: str,
    job_id: str | None = None,
    level: Level = Level.INFO,
    fields: JsonObject | None = None,
    event_id: str | None = None,
) -> None:
    """Stores an event; with an `event_id` of your own, saying it twice stores it once."""
    event = EventDocument(
        tenant=tenant,
        event_id=event_id or uuid.uuid4().hex,
        job_id=job_id,
        service=service,
        name=name,
        level=level,
        message=message,
        fields=fields or {},
    )
    place = Place(tenant, Collection.EVENTS)
    await store.bulk([Write(place, event.event_id, event.model_dump(mode="json"), WriteMode.CREATE)])
