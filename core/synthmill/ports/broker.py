"""The broker: durable queues, at least once, confirmed publishing, settled deliveries."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Queue(StrEnum):
    """The queues, as `schemas/queues.toml` declares them."""

    JOBS = "jobs"
    GENERATION = "generation"
    EXPORTS = "exports"
    JOBS_DEAD = "jobs.dead"
    GENERATION_DEAD = "generation.dead"
    EXPORTS_DEAD = "exports.dead"

    @property
    def has_dead(self) -> bool:
        """Whether it is no dead queue itself."""
        return self in _DEAD

    @property
    def dead(self) -> "Queue":
        """Where this queue's dead letters go."""
        return _DEAD[self]


EVIDENCE_PREFIX = "x-evidence-"
"""Before the name of each piece of evidence in a message's headers; its own headers stay beside them."""

ORIGINAL_QUEUE_HEADER = "x-original-queue"
STARTED_HEADER = "x-started"
"""In a dead letter: the queue it came from, and how often its handling had begun."""

_DEAD = {
    Queue.JOBS: Queue.JOBS_DEAD,
    Queue.GENERATION: Queue.GENERATION_DEAD,
    Queue.EXPORTS: Queue.EXPORTS_DEAD,
}


@dataclass(frozen=True, slots=True)
class Message:
    """A message; `message_id` is deterministic, so a repeated publish can be recognized."""

    message_id: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message in our hands until it is settled.

    `redelivered`: somebody had it before and did not settle it. `begun`: how often its handling began before and did
    not end well; of one that is redelivered perhaps more often.
    """

    queue: Queue
    message: Message
    tag: str
    redelivered: bool
    begun: int = 0

    @property
    def suspect(self) -> bool:
        """Whether it may have ended a process."""
        return self.redelivered or self.begun > 0


class Settlement(StrEnum):
    """How a delivery ends."""

    ACK = "ack"  # done: forget it
    RETRY = "retry"  # deliver it again after a delay
    RELEASE = "release"  # deliver it again, now or after a delay, to anyone; the message is not to blame
    CONTINUE = "continue"  # a part of its work is done: deliver it again to anyone, behind others, as if it never began
    DEAD_LETTER = "dead_letter"  # move it to the dead queue, with evidence


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """`ready` and `unsettled` messages, and how many consumers hold or await some."""

    ready: int
    unsettled: int
    consumers: int


class Consumption(Protocol):
    """One consumer of a queue; at most `prefetch` deliveries are unsettled at a time."""

    def __aiter__(self) -> AsyncIterator[Delivery]:
        """Deliveries as they come; ends when `stop` was called."""

    async def started(self, delivery: Delivery) -> int:
        """Notes durably that handling begins; answers how often it began for this message, this time included.

        Asked again for the same delivery it counts once, and settling with RELEASE takes the count back.
        """

    async def settle(
        self,
        delivery: Delivery,
        settlement: Settlement,
        *,
        delay_seconds: float = 0.0,
        evidence: Mapping[str, str] | None = None,
    ) -> None:
        """Ends the delivery. Settling one that the broker took back meanwhile does nothing.

        With RETRY and DEAD_LETTER the evidence goes into the message's headers, `EVIDENCE_PREFIX` before each name.
        """

    def stop(self) -> None:
        """No further deliveries; what is unsettled can still be settled."""

    @property
    def consuming(self) -> bool:
        """Whether deliveries come as soon as there are any: the broker is connected, and we were not stopped."""


class Broker(Protocol):
    """Publishes and consumes. A message is never lost; it may come twice."""

    async def declare(self) -> None:
        """Creates what is missing; doing it again changes nothing."""

    async def publish(self, queue: Queue, messages: Sequence[Message]) -> None:
        """Returns when every message is durable in its queue; raises `BrokerUnavailable` when that is not known."""

    def consume(self, queue: Queue, *, prefetch: int) -> AbstractAsyncContextManager[Consumption]:
        """Consumes until the context ends; then unsettled deliveries go back to the queue at once."""

    async def depth(self, queue: Queue) -> QueueDepth:
        """How much the queue holds."""

    async def close(self) -> None:
        """Gives back what the adapter holds."""
