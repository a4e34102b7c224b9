"""The one document per slot, and the record that an accepted slot holds."""

from datetime import datetime
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, JsonValue, model_validator

from synthmill_schemas.base import (
    DEFAULT_TENANT,
    ColumnName,
    Contract,
    Count,
    JobId,
    JsonObject,
    Name,
    Round,
    Sha256,
    Slot,
    now,
)
from synthmill_schemas.ids import ACCEPTED_RANK, failed_rank
from synthmill_schemas.seed import Lineage


class SlotState(StrEnum):
    """What a slot came to; a slot without a document is pending."""

    ACCEPTED = "accepted"
    EXHAUSTED = "exhausted"  # all attempts of a round failed; a later round may still fill it
    PARKED = "parked"  # taken out with evidence; only a person's replay tries it again


def slot_rank(state: SlotState, round_: int) -> int:
    """A slot document's external version: accepted above all, a later round above an earlier one."""
    if state is SlotState.ACCEPTED:
        return ACCEPTED_RANK
    return failed_rank(round_, parked=state is SlotState.PARKED)


class RejectClass(StrEnum):
    """Why an attempt failed."""

    TRUNCATED = "truncated"
    PARSE = "parse"
    SCHEMA = "schema"
    SEMANTIC = "semantic"
    REFUSAL = "refusal"
    DUPLICATE = "duplicate"
    LEAK = "leak"
    PII = "pii"
    JUDGE = "judge"
    PROVIDER = "provider"
    STORE = "store"
    INPUT = "input"


MENDABLE = frozenset(
    {
        RejectClass.TRUNCATED,
        RejectClass.PARSE,
        RejectClass.SCHEMA,
        RejectClass.SEMANTIC,
        RejectClass.DUPLICATE,
        RejectClass.JUDGE,
        RejectClass.PROVIDER,
    }
)
"""Classes that another round can mend (design law 4)."""


class Rung(StrEnum):
    """How the answer's form was asked for."""

    JSON_SCHEMA = "json_schema"
    JSON_MODE = "json_mode"
    PROMPT = "prompt"


class Provenance(Contract):
    """How a record was made. Tokens and cost are its share of the call (`ledger.CallDocument`)."""

    route: str | None
    model: str | None = Field(description="the name that the provider answered with")
    parameters: dict[str, JsonValue]
    prompt_hash: Sha256 | None = Field(description="of the messages as sent")
    call_id: str | None
    seed: int | None
    round: Round
    attempt: Count = Field(description="the try that succeeded; 0: no call was needed")
    rung: Rung | None
    repairs: list[str] = Field(default_factory=list, description="e.g. fence, trailing_text, enum_case")
    prompt_tokens: Count
    completion_tokens: Count
    cost_usd: float | None = Field(description="none: unknown")
    recipe_hash: Sha256
    consumer: str = Field(description="name and version of the program")


class SlotDocument(Contract):
    """A slot's outcome; `_id` = `record_id`, written with `rank` as external version."""

    version: Literal[1] = 1
    tenant: Name = DEFAULT_TENANT
    dataset: Name
    job_id: JobId
    record_id: str
    slot: Slot
    state: SlotState
    round: Round
    reject_class: RejectClass | None = None
    reason: str | None = None
    seed_id: str | None = None
    lineage: Lineage | None = None
    attributes: dict[ColumnName, JsonValue] = Field(default_factory=dict)
    data: JsonObject | None = Field(None, description="the record's columns; present when accepted")
    content_hash: Sha256 | None = None
    bands: list[str] = Field(default_factory=list, description="MinHash band hashes")
    provenance: Provenance | None = None
    since: Count | None = Field(None, description="first dataset version that shows it; set at release")
    until: Count | None = None
    written_at: datetime = Field(default_factory=now)

    @model_validator(mode="after")
    def _accepted_is_whole(self) -> Self:
        accepted = self.state is SlotState.ACCEPTED
        if accepted and (self.data is None or self.content_hash is None or self.provenance is None):
            raise ValueError("an accepted slot needs data, content_hash and provenance")
        if accepted == (self.reject_class is not None):
            raise ValueError("reject_class belongs to exhausted and parked slots, and to each of them")
        return self

    @property
    def rank(self) -> int:
        """The external version that it is written with."""
        return slot_rank(self.state, self.round)


class Record(Contract):
    """What a reader of a dataset gets: the accepted content of a slot with its whole origin."""

    record_id: str
    slot: Slot
    data: JsonObject
    content_hash: Sha256
    seed_id: str | None
    lineage: Lineage | None
    attributes: dict[ColumnName, JsonValue]
    provenance: Provenance
