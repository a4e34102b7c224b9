"""A dead letter: a message that nobody could work on, kept whole so that it can be looked at and replayed."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from synthmill_schemas.base import DEFAULT_TENANT, Contract, Count, JobId, Name, Round, now
from synthmill_schemas.slot import RejectClass


class LetterState(StrEnum):
    """What was decided about a dead letter."""

    PARKED = "parked"  # nothing yet
    REPLAYED = "replayed"  # its work was given to the services again; should it die again, it is parked again
    DROPPED = "dropped"  # nobody wants it; this record stays


class DeadLetterDocument(Contract):
    """Stored among the reports; `_id` = `report_id`, so that a message drained twice is kept once."""

    version: Literal[1] = 1
    kind: Literal["dead_letter"] = "dead_letter"
    tenant: Name = DEFAULT_TENANT
    report_id: str = Field(description="dead-{queue}-{message id}; a hash where the id does not fit into an id here")
    queue: Literal["jobs", "generation", "exports"] = Field(description="where to publish it again")
    message_id: str
    job_id: JobId | None = Field(None, description="none: the body tells none")
    round: Round | None = None
    reject_class: RejectClass | None = Field(None, description="as the evidence tells")
    reason: str
    starts: Count | None = Field(None, description="how often handling it began")
    evidence: dict[str, str] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict, description="the message's own, without the evidence")
    body: str
    encoding: Literal["utf-8", "base64"] = Field("utf-8", description="of `body`; base64 when it is not UTF-8")
    state: LetterState = LetterState.PARKED
    replays: Count = Field(0, description="how often it was replayed")
    decided_by: str | None = Field(None, description="who replayed or dropped it last")
    decided_at: datetime | None = None
    at: datetime = Field(default_factory=now)
