"""The lines of `synthmill-consumer --stdio`: newline-delimited JSON, one document a line.

In: generation requests; `cancel`; with `--admission ask` also a `verdict` for each accepted slot line and a `reserved`
for each `reserve` line.
Out: `call` before what it led to, `reject`, `slot`, `event`, and `settled` as the last line of a request; with
`--admission ask` a `reserve` before each call of a job with a budget.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from synthmill_schemas.base import DEFAULT_TENANT, Contract, JobId, Name, Round
from synthmill_schemas.budget import Amount
from synthmill_schemas.event import EventDocument
from synthmill_schemas.generation import GenerationRequest
from synthmill_schemas.ledger import CallDocument, RejectDocument
from synthmill_schemas.slot import SlotDocument


class CancelLine(Contract):
    """Make no further calls for this job, or only for rounds up to `through_round` of it."""

    kind: Literal["cancel"] = "cancel"
    tenant: Name = DEFAULT_TENANT
    job_id: JobId
    through_round: Round | None = None


class Verdict(StrEnum):
    """What the store said of an offered record."""

    STORED = "stored"
    ALREADY = "already"  # the slot was accepted before: done
    DUPLICATE = "duplicate"  # another record holds this content
    REFUSED = "refused"  # the store cannot take it, ever


class VerdictLine(Contract):
    """The answer to an accepted slot line."""

    kind: Literal["verdict"] = "verdict"
    record_id: str
    round: Round
    verdict: Verdict
    reason: str | None = None


class Room(StrEnum):
    """Whether a call fits into its job's budget."""

    GRANTED = "granted"  # it is reserved, and may be made
    FULL = "full"  # not while others are in flight: ask again
    OVER = "over"  # it does not: the job is paused


class ReservedLine(Contract):
    """The answer to a reserve line."""

    kind: Literal["reserved"] = "reserved"
    call_id: str
    room: Room
    reason: str | None = None


InputLine = Annotated[GenerationRequest | CancelLine | VerdictLine | ReservedLine, Field(discriminator="kind")]


class SettleOutcome(StrEnum):
    """How a request ended."""

    DONE = "done"  # every slot of it has its outcome
    DROPPED = "dropped"  # cancelled: slots without an outcome stay open
    BLOCKED = "blocked"  # the provider refuses or cannot be reached: stop the job
    INVALID = "invalid"  # the line is not a request that can be worked on: park it


class Settled(Contract):
    """The last line of a request; `request_id` is none when the line could not be read."""

    request_id: str | None
    job_id: JobId | None = None
    outcome: SettleOutcome
    reason: str | None = None
    line: int | None = Field(None, ge=1, description="number of the input line, for invalid ones")


class CallLine(Contract):
    kind: Literal["call"] = "call"
    document: CallDocument


class RejectLine(Contract):
    kind: Literal["reject"] = "reject"
    document: RejectDocument


class SlotLine(Contract):
    kind: Literal["slot"] = "slot"
    document: SlotDocument


class EventLine(Contract):
    kind: Literal["event"] = "event"
    document: EventDocument


class SettledLine(Contract):
    kind: Literal["settled"] = "settled"
    document: Settled


class Reserve(Contract):
    """A call that is about to be made, with the most it should take; its `call` line settles it."""

    tenant: Name = DEFAULT_TENANT
    job_id: JobId
    request_id: str
    call_id: str
    need: Amount


class ReserveLine(Contract):
    kind: Literal["reserve"] = "reserve"
    document: Reserve


OutputLine = Annotated[
    CallLine | RejectLine | SlotLine | EventLine | SettledLine | ReserveLine, Field(discriminator="kind")
]
