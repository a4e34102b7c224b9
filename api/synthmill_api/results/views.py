"""What clients see of records, rejects and events."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from synthmill.ports.records import Document
from synthmill_api.kit.pages import Listing
from synthmill_schemas.event import Level
from synthmill_schemas.ledger import CallOutcome
from synthmill_schemas.seed import Lineage
from synthmill_schemas.slot import Provenance, RejectClass


class RecordItem(BaseModel):
    """A record in a list."""

    id: str
    slot: int
    data: dict[str, Any] = Field(description="the recipe's columns")

    @classmethod
    def of(cls, document: Document) -> "RecordItem":
        """From an accepted slot."""
        return cls(id=document["record_id"], slot=document["slot"], data=document["data"])


class RecordPage(Listing[RecordItem]):
    """A page of records, with the facets that were asked for."""

    facets: dict[str, dict[str, int]] = Field(description="by field: values and how many records hold each")


class Reject(BaseModel):
    """A failed attempt, or a row of the input that was left out."""

    id: str
    record_id: str | None = Field(description="none: a row, which has no record")
    round: int
    attempt: int
    reject_class: RejectClass
    reason: str
    raw: str | None = Field(description="the answer or row as it came, cut at 20,000 characters; not trustworthy text")
    lineage: Lineage | None
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    at: datetime

    @classmethod
    def of(cls, document: Document) -> "Reject":
        """From a reject's document."""
        return cls.model_validate({**document, "id": document["reject_id"]})


class Call(BaseModel):
    """The LLM call that a record came from, with other records of the same call."""

    id: str
    outcome: CallOutcome
    route: str
    model: str | None
    seed: int
    prompt_hash: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    latency_ms: int
    at: datetime

    @classmethod
    def of(cls, document: Document) -> "Call":
        """From a call's document."""
        return cls.model_validate({**document, "id": document["call_id"]})


class SeedRow(BaseModel):
    """The row or chunk of the input that a record was made from."""

    id: str
    data: dict[str, Any]
    lineage: Lineage

    @classmethod
    def of(cls, document: Document) -> "SeedRow":
        """From a seed's document."""
        return cls.model_validate({**document, "id": document["seed_id"]})


class RecordStory(RecordItem):
    """A record and where it came from: row, attributes, model, prompt hash, attempts, cost."""

    content_hash: str
    attributes: dict[str, Any] = Field(description="what was drawn before any call")
    lineage: Lineage | None
    provenance: Provenance
    written_at: datetime
    seed: SeedRow | None = Field(description="none: the recipe reads no input")
    call: Call | None = Field(description="none: no call was needed")
    rejects: list[Reject] = Field(description="the attempts that failed before, the first first")


class Event(BaseModel):
    """Something that happened to a job."""

    id: str
    service: str
    name: str = Field(description="e.g. job.planned")
    level: Level
    message: str
    fields: dict[str, Any]
    at: datetime

    @classmethod
    def of(cls, document: Document) -> "Event":
        """From an event's document."""
        return cls.model_validate({**document, "id": document["event_id"]})
