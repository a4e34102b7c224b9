"""Whole documents of the contracts, as small as they may be, for tests of the record store."""

import hashlib

from synthmill.ports.records import Collection, Document, Place, RecordStore, Write, WriteMode, WriteResult
from synthmill_schemas.event import EventDocument
from synthmill_schemas.ids import ACCEPTED_RANK, attempt_id, failed_rank, record_id
from synthmill_schemas.ledger import CallDocument, CallOutcome, ClaimDocument, RejectDocument
from synthmill_schemas.slot import Provenance, RejectClass, Rung, SlotDocument, SlotState

DATASET = "tickets"
JOB = "job-1"
SHA = "0" * 64

RECORD_SCHEMA: Document = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "subject": {"type": "string"},
        "body": {"type": "string"},
        "priority": {"enum": ["low", "high"], "type": "string"},
        "score": {"type": "integer"},
        "weight": {"type": ["number", "null"]},
        "urgent": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "customer": {"type": "object", "properties": {"city": {"type": "string"}}},
        "lines": {
            "type": "array",
            "items": {"type": "object", "properties": {"n": {"type": "integer"}, "sku": {"type": "string"}}},
        },
    },
}


def slots(tenant: str, dataset: str = DATASET) -> Place:
    """Where a dataset's slots lie."""
    return Place(tenant, Collection.SLOTS, dataset)


def records(tenant: str, dataset: str = DATASET) -> Place:
    """Where a dataset's records are read."""
    return Place(tenant, Collection.RECORDS, dataset)


def accepted(tenant: str, slot: int, data: Document, *, job: str = JOB, dataset: str = DATASET) -> Document:
    """An accepted slot that holds `data`."""
    provenance = Provenance(
        route="offline/fake-1",
        model="fake-1",
        parameters={},
        prompt_hash=None,
        call_id="call-1",
        seed=slot,
        round=1,
        attempt=1,
        rung=Rung.JSON_SCHEMA,
        prompt_tokens=10,
        completion_tokens=5,
        cost_usd=None,
        recipe_hash=SHA,
        consumer="test",
    )
    return SlotDocument(
        tenant=tenant,
        dataset=dataset,
        job_id=job,
        record_id=record_id(job, slot),
        slot=slot,
        state=SlotState.ACCEPTED,
        round=1,
        data=data,
        content_hash=hashlib.sha256(repr(data).encode()).hexdigest(),
        provenance=provenance,
    ).model_dump(mode="json")


def failed(
    tenant: str, slot: int, round_: int, *, parked: bool = False, job: str = JOB, dataset: str = DATASET
) -> Document:
    """A slot whose round gave nothing, or that was parked."""
    return SlotDocument(
        tenant=tenant,
        dataset=dataset,
        job_id=job,
        record_id=record_id(job, slot),
        slot=slot,
        state=SlotState.PARKED if parked else SlotState.EXHAUSTED,
        round=round_,
        reject_class=RejectClass.SCHEMA,
        reason="not what was asked for",
    ).model_dump(mode="json")


def slot_write(document: Document) -> Write:
    """The write of a slot under its rank."""
    place = slots(document["tenant"], document["dataset"])
    if document["state"] == SlotState.ACCEPTED:
        return Write(place, document["record_id"], document, WriteMode.RANKED, ACCEPTED_RANK)
    rank = failed_rank(document["round"], parked=document["state"] == SlotState.PARKED)
    return Write(place, document["record_id"], document, WriteMode.RANKED, rank)


async def put_records(
    store: RecordStore, tenant: str, *data: Document, job: str = JOB, dataset: str = DATASET
) -> list[str]:
    """Stores accepted slots with these contents and waits until they are seen; answers their ids."""
    writes = [
        slot_write(accepted(tenant, slot, content, job=job, dataset=dataset)) for slot, content in enumerate(data)
    ]
    results = await store.bulk(writes)
    await store.visible(writes[0].place)
    return [result.id for result in results]


def call(tenant: str, number: int, *, job: str = JOB, tokens: int = 10, cost: float | None = 0.5) -> Document:
    """A call that was answered."""
    return CallDocument(
        tenant=tenant,
        dataset=DATASET,
        job_id=job,
        call_id=f"{job}-call-{number}",
        request_id=f"{job}-1-0",
        round=1,
        attempt_ids=[attempt_id(job, number, 1, 1)],
        outcome=CallOutcome.ANSWERED,
        status=200,
        rung=Rung.JSON_SCHEMA,
        route="offline/fake-1",
        seed=number,
        prompt_hash=SHA,
        prompt_tokens=tokens,
        completion_tokens=2 * tokens,
        cost_usd=cost,
        latency_ms=100,
    ).model_dump(mode="json")


def reject(tenant: str, number: int, class_: RejectClass, *, job: str = JOB) -> Document:
    """A failed attempt."""
    return RejectDocument(
        tenant=tenant,
        dataset=DATASET,
        job_id=job,
        reject_id=attempt_id(job, number, 1, 1),
        record_id=record_id(job, number),
        slot=number,
        round=1,
        attempt=1,
        reject_class=class_,
        reason="wrong",
    ).model_dump(mode="json")


def event(tenant: str, number: int, message: str, *, job: str = JOB) -> Document:
    """Something that happened."""
    return EventDocument(
        tenant=tenant,
        event_id=f"{job}-event-{number}",
        job_id=job,
        service="worker",
        name="job.planned",
        message=message,
    ).model_dump(mode="json")


def claim(tenant: str, holder: str) -> Document:
    """A claim on one content by the record `holder`."""
    return ClaimDocument(tenant=tenant, dataset=DATASET, content_hash=SHA, record_id=holder, job_id=JOB).model_dump(
        mode="json"
    )


async def put_all(store: RecordStore, place: Place, documents: dict[str, Document]) -> list[WriteResult]:
    """Puts documents under their ids and waits until they are seen."""
    results = await store.bulk([Write(place, id_, document) for id_, document in documents.items()])
    await store.visible(place)
    return results
