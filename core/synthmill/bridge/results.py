"""Writes the consumer's answers and settles their requests, a batch of lines in one transaction."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from synthmill.bridge.reservations import Reservations
from synthmill.embedded.database import Database
from synthmill.ports.broker import Consumption, Delivery, Settlement
from synthmill.ports.records import (
    Collection,
    Document,
    Place,
    RecordStore,
    Write,
    WriteMode,
    WriteResult,
    WriteStatus,
)
from synthmill_schemas.ids import claim_id
from synthmill_schemas.ledger import ClaimDocument
from synthmill_schemas.slot import SlotState, slot_rank
from synthmill_schemas.stdio import ReservedLine, SettleOutcome, Verdict, VerdictLine

_VERDICTS = {
    WriteStatus.STORED: Verdict.STORED,
    WriteStatus.ALREADY: Verdict.ALREADY,
    WriteStatus.REFUSED: Verdict.REFUSED,
}
_LEDGERS = {
    "call": (Collection.CALLS, "call_id"),
    "reject": (Collection.REJECTS, "reject_id"),
    "event": (Collection.EVENTS, "event_id"),
}


@dataclass(slots=True)
class Batch:
    """Output lines by kind, in the order in which they came."""

    slots: list[Document] = field(default_factory=list)
    ledgers: list[Write] = field(default_factory=list)
    settled: list[Document] = field(default_factory=list)
    reserves: list[Document] = field(default_factory=list)

    @classmethod
    def of(cls, lines: Sequence[bytes]) -> "Batch":
        """Reads the lines of one batch."""
        batch = cls()
        for line in lines:
            batch._add(json.loads(line))
        return batch

    def _add(self, line: Mapping[str, Any]) -> None:
        kind, document = line["kind"], line["document"]
        match kind:
            case "slot":
                self.slots.append(document)
            case "settled":
                self.settled.append(document)
            case "reserve":
                self.reserves.append(document)
            case _:
                collection, id_ = _LEDGERS[kind]
                place = Place(document["tenant"], collection)
                self.ledgers.append(Write(place, document[id_], document, WriteMode.CREATE))


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch led to: verdicts for the child, and the requests that ended."""

    verdicts: Sequence[VerdictLine]
    settled: Sequence[Document]
    reserved: Sequence[ReservedLine]


async def apply(
    database: Database,
    store: RecordStore,
    consumption: Consumption,
    deliveries: Mapping[str, Delivery],
    batch: Batch,
    claimed: set[str],
    reservations: Reservations,
) -> Applied:
    """One transaction: claims, slots, ledgers, accounts, settlements; `claimed` are jobs' datasets with claims."""
    async with database.transaction():
        verdicts = await _write_slots(store, batch.slots, claimed)
        await store.bulk(batch.ledgers)
        calls = [write.document for write in batch.ledgers if write.place.collection is Collection.CALLS]
        reserved = await reservations.apply(batch.reserves, calls, batch.settled)
        for settled in batch.settled:
            await _settle(consumption, deliveries, settled)
    return Applied(verdicts, batch.settled, reserved)


async def _write_slots(store: RecordStore, slots: Sequence[Document], claimed: set[str]) -> list[VerdictLine]:
    accepted = [slot for slot in slots if slot["state"] == SlotState.ACCEPTED]
    holders = await _claim(store, [slot for slot in accepted if slot["job_id"] in claimed])
    fresh = [slot for slot in slots if holders.get(slot["record_id"], slot["record_id"]) == slot["record_id"]]
    results = await store.bulk([_write(slot) for slot in fresh])
    by_id = {slot["record_id"]: result for slot, result in zip(fresh, results, strict=True)}
    return [_verdict(slot, by_id.get(slot["record_id"]), holders.get(slot["record_id"])) for slot in accepted]


async def _claim(store: RecordStore, slots: Sequence[Document]) -> dict[str, str]:
    """Claims each content (design law 7); answers for each record which record holds its content."""
    if not slots:
        return {}
    writes = [_claim_write(slot) for slot in slots]
    results = await store.bulk(writes)
    taken = [write for write, result in zip(writes, results, strict=True) if result.status is WriteStatus.ALREADY]
    holder: dict[str, str] = {}
    for write in taken:
        stored = await store.get(write.place, write.id)
        if stored is not None:
            holder[write.id] = stored.document["record_id"]
    return {
        slot["record_id"]: holder.get(write.id, str(slot["record_id"]))
        for slot, write in zip(slots, writes, strict=True)
    }


def _claim_write(slot: Document) -> Write:
    claim = ClaimDocument(
        tenant=slot["tenant"],
        dataset=slot["dataset"],
        content_hash=slot["content_hash"],
        record_id=slot["record_id"],
        job_id=slot["job_id"],
    )
    id_ = claim_id(claim.tenant, claim.dataset, claim.content_hash)
    return Write(Place(claim.tenant, Collection.CLAIMS), id_, claim.model_dump(mode="json"), WriteMode.CREATE)


def _write(slot: Document) -> Write:
    place = Place(slot["tenant"], Collection.SLOTS, slot["dataset"])
    return Write(place, slot["record_id"], slot, WriteMode.RANKED, slot_rank(SlotState(slot["state"]), slot["round"]))


def _verdict(slot: Document, result: WriteResult | None, holder: str | None) -> VerdictLine:
    verdict = Verdict.DUPLICATE if result is None else _VERDICTS[result.status]
    reason = f"record {holder} has this content" if result is None else result.reason
    return VerdictLine(record_id=slot["record_id"], round=slot["round"], verdict=verdict, reason=reason)


async def _settle(consumption: Consumption, deliveries: Mapping[str, Delivery], settled: Document) -> None:
    """The one place where a request that went to the child is settled for good."""
    delivery = deliveries.get(settled["request_id"])
    if delivery is None:
        return
    match SettleOutcome(settled["outcome"]):
        case SettleOutcome.DONE | SettleOutcome.DROPPED | SettleOutcome.BLOCKED:
            await consumption.settle(delivery, Settlement.ACK)
        case SettleOutcome.INVALID:
            evidence = {"reason": str(settled["reason"])}
            await consumption.settle(delivery, Settlement.DEAD_LETTER, evidence=evidence)
