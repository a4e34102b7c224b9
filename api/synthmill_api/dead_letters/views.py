"""What clients see of dead letters, and of what was decided about them."""

from datetime import datetime

from pydantic import BaseModel, Field

from synthmill.dead_letters.replay import Decided, Outcome
from synthmill_schemas.dead_letter import DeadLetterDocument, LetterState
from synthmill_schemas.slot import RejectClass


class DeadLetter(BaseModel):
    """A message that nobody could work on."""

    id: str
    queue: str
    job_id: str | None = Field(description="none: the body tells none")
    round: int | None
    reject_class: RejectClass | None
    reason: str
    starts: int | None = Field(description="how often handling it began")
    state: LetterState
    replays: int
    decided_by: str | None
    decided_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, letter: DeadLetterDocument) -> "DeadLetter":
        """One line of the list."""
        return cls(id=letter.report_id, created_at=letter.at, **{name: getattr(letter, name) for name in _SAME})


class WholeDeadLetter(DeadLetter):
    """The same with all that is kept."""

    message_id: str
    evidence: dict[str, str]
    headers: dict[str, str]
    body: str
    encoding: str = Field(description="of the body: utf-8, or base64 when it is none")

    @classmethod
    def of(cls, letter: DeadLetterDocument) -> "WholeDeadLetter":
        """All of it."""
        brief = DeadLetter.of(letter).model_dump()
        return cls(**brief, **{name: getattr(letter, name) for name in _MORE})


class Decision(BaseModel):
    """What became of a dead letter."""

    id: str
    outcome: Outcome
    reason: str | None

    @classmethod
    def of(cls, decided: Decided) -> "Decision":
        """What core answered."""
        return cls(id=decided.id, outcome=decided.outcome, reason=decided.reason)


_SAME = ("queue", "job_id", "round", "reject_class", "reason", "starts", "state", "replays", "decided_by", "decided_at")
_MORE = ("message_id", "evidence", "headers", "body", "encoding")
