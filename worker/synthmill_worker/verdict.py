"""What an answer or an error of a handler means for its message: how it is settled, and when it comes again."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from synthmill.errors import StorageFull, SynthmillError
from synthmill.ports.broker import Settlement
from synthmill_worker.handlers.words import Handled, Undecodable

_FIRST_DELAY_SECONDS = 0.5
_LAST_DELAY_SECONDS = 10.0
_FULL_DISK_SECONDS = 30.0  # somebody has to free space first


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a delivery is to be settled."""

    settlement: Settlement
    delay_seconds: float = 0.0
    evidence: Mapping[str, str] = field(default_factory=dict)
    handled: Handled | None = None

    @property
    def outcome(self) -> str:
        """One of a few words: what became of the message, or how it was settled when nothing did."""
        return (self.handled or self.settlement).value.replace(" ", "_")


def done(handled: Handled) -> Verdict:
    """What an answer means: most messages are done with, one whose work goes on is continued by whoever takes it."""
    settlement = Settlement.CONTINUE if handled is Handled.HANDED_ON else Settlement.ACK
    return Verdict(settlement, handled=handled)


def judge(error: Exception, failures: int) -> Verdict:
    """What an error means for its message; `failures`: how often in a row it failed here, this time included.

    An outage is not the message's fault, so its start is taken back: only unexpected errors and deaths of the process
    bring a message nearer to the dead queue.
    """
    match error:
        case Undecodable():
            return Verdict(Settlement.DEAD_LETTER, evidence={"reason": str(error)})
        case StorageFull():
            return Verdict(Settlement.RELEASE, _FULL_DISK_SECONDS)
        case SynthmillError() if error.retriable:
            return Verdict(Settlement.RELEASE, full_jitter(failures))
        case _:
            return Verdict(Settlement.RETRY, full_jitter(failures))


def full_jitter(failures: int) -> float:
    """Seconds to wait: anything up to a bound that doubles with each failure."""
    bound = min(_LAST_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2 ** min(failures - 1, 10))
    return random.uniform(0, bound)  # noqa: S311 — spreads load, guards nothing
