"""What handlers answer and raise."""

from enum import StrEnum

from pydantic import ValidationError

from synthmill.dead_letters.unreadable import why_unreadable
from synthmill.errors import SynthmillError


class Handled(StrEnum):
    """What became of a message that is done with."""

    PLANNED = "planned"  # all requests of the round are out
    HANDED_ON = "handed on"  # a part of the work is done, the rest is for the message's next delivery
    FAILED = "failed"  # the job cannot be worked on, and says why
    STALE = "stale"  # of another round, or of a job that is not running or not there
    EXPORTED = "exported"  # the file can be fetched
    DONE_BEFORE = "done before"
    DRAINED = "drained"  # a dead letter is a document now


class Undecodable(SynthmillError):
    """A body that is no message of its queue; no delivery of it can ever be worked on."""

    @classmethod
    def because(cls, what: str, error: ValidationError) -> "Undecodable":
        """Tells the first fault, and what to do."""
        return cls(why_unreadable(what, error))
