"""A small job for tests that stand in the place of worker and consumer."""

from typing import Any

from synthmill.ports.records import Collection, Place, Write, WriteMode
from synthmill.recipes import CompiledRecipe, compile_recipe
from synthmill.services import Services
from synthmill_schemas.ids import record_id
from synthmill_schemas.slot import Provenance, RejectClass, SlotDocument, SlotState

TENANT = "default"
HASH = "0" * 64


def recipe(**changes: object) -> CompiledRecipe:
    """Four records of a sampled colour and a text, changed at will."""
    data: dict[str, Any] = {
        "version": 1,
        "name": "colours",
        "seed": 3,
        "target": {"records": 4},
        "model": {"route": "mock/one"},
        "columns": [
            {"name": "colour", "kind": "sampler", "sampler": {"type": "category", "values": ["red", "blue"]}},
            {"name": "poem", "kind": "llm", "prompt": "A poem about {{ colour }}."},
        ],
    }
    return compile_recipe({**data, **changes})


def accepted(job_id: str, slot: int, **changes: object) -> SlotDocument:
    """An accepted slot as the consumer would write it."""
    provenance = Provenance(
        route="mock/one",
        model="mock",
        parameters={},
        prompt_hash=None,
        call_id=None,
        seed=1,
        round=1,
        attempt=1,
        rung=None,
        prompt_tokens=1,
        completion_tokens=1,
        cost_usd=None,
        recipe_hash=HASH,
        consumer="test",
    )
    fields: dict[str, Any] = {
        "data": {"colour": "red", "poem": f"poem {slot}"},
        "content_hash": f"{slot:064x}",
        "provenance": provenance,
    }
    return _slot(job_id, slot, SlotState.ACCEPTED, {**fields, **changes})


def exhausted(job_id: str, slot: int, class_: RejectClass = RejectClass.SCHEMA, round_: int = 1) -> SlotDocument:
    """A slot whose attempts of a round all failed."""
    return _slot(job_id, slot, SlotState.EXHAUSTED, {"reject_class": class_, "reason": "no good", "round": round_})


def parked(job_id: str, slot: int) -> SlotDocument:
    """A slot taken out with evidence."""
    return _slot(job_id, slot, SlotState.PARKED, {"reject_class": RejectClass.PROVIDER, "reason": "poison"})


def _slot(job_id: str, slot: int, state: SlotState, fields: dict[str, Any]) -> SlotDocument:
    common = {"dataset": "colours", "job_id": job_id, "record_id": record_id(job_id, slot), "slot": slot, "round": 1}
    return SlotDocument.model_validate({**common, "state": state, **fields})


async def store_slots(services: Services, *slots: SlotDocument) -> None:
    """Writes slots as the consumer would."""
    place = Place(TENANT, Collection.SLOTS, "colours")
    await services.store.bulk(
        [Write(place, s.record_id, s.model_dump(mode="json"), WriteMode.RANKED, s.rank) for s in slots]
    )
