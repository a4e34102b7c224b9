"""What is stuck when a job's facts stand still: its queue, nobody at the queue, or the provider."""

from dataclasses import dataclass
from datetime import timedelta

from synthmill.jobs.status import Status
from synthmill.ports.broker import Queue, QueueDepth
from synthmill.ports.records import Collection, Place, Query, Range, Where
from synthmill.services import Services
from synthmill_schemas.base import JsonObject, now
from synthmill_schemas.job import JobState
from synthmill_schemas.ledger import CallOutcome

_PROVIDER_EVENTS = ["provider.saturated", "provider.failing", "provider.unreachable"]


@dataclass(frozen=True, slots=True)
class Stall:
    """How a job stands that does not move on."""

    job_id: str
    dataset: str
    seconds: float
    queue: Queue
    depth: QueueDepth
    open_slots: int
    rate_limited: int
    trouble: str | None

    @property
    def queue_is_empty(self) -> bool:
        """Nobody has, or will be given, anything of the job."""
        return not self.depth.ready and not self.depth.unsettled

    @property
    def text(self) -> str:
        """In one line, the most likely cause last."""
        depth = self.depth
        return (
            f"job {self.job_id}: nothing happened for {self.seconds:.0f} s; {self.open_slots} slots are open; queue "
            f"{self.queue} holds {depth.ready} messages, {depth.unsettled} are being worked on by {depth.consumers} "
            f"consumers; {self._cause()}"
        )

    @property
    def fields(self) -> JsonObject:
        """The same for an event."""
        return {
            "queue": self.queue.value,
            "ready": self.depth.ready,
            "unsettled": self.depth.unsettled,
            "consumers": self.depth.consumers,
            "open_slots": self.open_slots,
            "rate_limited_calls": self.rate_limited,
            "provider": self.trouble,
        }

    def _cause(self) -> str:
        if not self.depth.consumers:
            return f"nobody listens at queue {self.queue}: start a {_SERVED_BY[self.queue]}"
        if self.trouble is not None:
            return f"the provider: {self.trouble}"
        if self.rate_limited:
            return f"the provider refused {self.rate_limited} calls as too many (429)"
        if self.queue_is_empty:
            return "its requests are in no queue any more and are published again"
        if not self.depth.ready:
            return "calls in flight do not come back"
        return "other jobs are before it in the queue"


_SERVED_BY = {Queue.JOBS: "worker", Queue.GENERATION: "consumer"}


async def look_at(services: Services, tenant: str, status: Status, seconds: float) -> Stall:
    """Looks at queue and provider; `seconds`: how long the facts have stood still."""
    queue = Queue.GENERATION if status.state is JobState.PLANNED else Queue.JOBS
    since = Range(low=(now() - timedelta(seconds=seconds)).isoformat())
    limited: Where = {"job_id": status.job_id, "outcome": CallOutcome.RATE_LIMITED.value, "at": since}
    return Stall(
        job_id=status.job_id,
        dataset=status.dataset,
        seconds=seconds,
        queue=queue,
        depth=await services.broker.depth(queue),
        open_slots=status.open_in_round,
        rate_limited=await services.store.count(Place(tenant, Collection.CALLS), limited),
        trouble=await _trouble(services, tenant, status.job_id, since),
    )


async def _trouble(services: Services, tenant: str, job_id: str, since: Range) -> str | None:
    """What the consumer last said about the provider."""
    where: Where = {"job_id": job_id, "name": _PROVIDER_EVENTS, "at": since}
    found = await services.store.search(Place(tenant, Collection.EVENTS), Query(where, sort="-at", limit=1))
    return str(found.hits[0].document["message"]) if found.hits else None
