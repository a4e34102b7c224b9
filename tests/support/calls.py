"""Calls that were answered, as the consumer writes them, for tests that count or price them."""

from synthmill.ports.records import Collection, Place, Write
from synthmill_schemas.ledger import CallDocument, CallOutcome
from synthmill_schemas.slot import Rung

_FACTS: dict[str, object] = {
    "request_id": "r",
    "round": 1,
    "attempt_ids": [],
    "outcome": CallOutcome.ANSWERED,
    "rung": Rung.JSON_SCHEMA,
    "route": "mock/one",
    "seed": 1,
    "prompt_hash": "0" * 64,
    "latency_ms": 10,
}


def call_write(tenant: str, number: int, **facts: object) -> Write:
    """The call `call-<number>`; `facts` are fields of its document, at least its dataset and its job."""
    document = CallDocument.model_validate({**_FACTS, "tenant": tenant, "call_id": f"call-{number}", **facts})
    return Write(Place(tenant, Collection.CALLS), document.call_id, document.model_dump(mode="json"))
