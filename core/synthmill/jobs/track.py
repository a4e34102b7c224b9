"""Follows a job until it rests: counts facts with back-off between polls, moves it on, notices a stall."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from synthmill.jobs.advance import advance
from synthmill.jobs.documents import get_job
from synthmill.jobs.events import say
from synthmill.jobs.rounds import republish
from synthmill.jobs.status import Status, job_status
from synthmill.jobs.submit import send
from synthmill.ports.broker import Queue
from synthmill.services import Services
from synthmill_schemas.event import Level
from synthmill_schemas.job import JobState

FIRST_POLL_SECONDS = 0.2
LAST_POLL_SECONDS = 2.0
_BACK_OFF = 1.3

OnStatus = Callable[[Status], Awaitable[None]]


@dataclass(slots=True)
class _Stall:
    """How long the facts of a job have stood still, by a clock that cannot jump."""

    facts: tuple[int, ...] = ()
    since: float = field(default_factory=time.monotonic)

    def seconds(self, status: Status) -> float:
        if status.facts != self.facts:
            self.facts, self.since = status.facts, time.monotonic()
        return time.monotonic() - self.since

    def forget(self) -> None:
        self.since = time.monotonic()


async def track(services: Services, tenant: str, job_id: str, on_status: OnStatus) -> Status:
    """Returns the status at rest: completed, failed, blocked, paused or cancelled."""
    stall, delay = _Stall(), FIRST_POLL_SECONDS
    seen: tuple[int, ...] = ()
    while True:
        status = await job_status(services.store, tenant, job_id)
        await on_status(status)
        if not status.running and status.state is not JobState.CREATED:
            return status
        await advance(services, tenant, status)
        if stall.seconds(status) > services.settings.job.stall_seconds:
            await _stalled(services, tenant, status)
            stall.forget()
        delay = FIRST_POLL_SECONDS if status.facts != seen else min(delay * _BACK_OFF, LAST_POLL_SECONDS)
        seen = status.facts
        await asyncio.sleep(delay)


async def _stalled(services: Services, tenant: str, status: Status) -> None:
    """Says what is stuck; sends again only what is no longer in a queue (design law 4)."""
    queue = Queue.GENERATION if status.state is JobState.PLANNED else Queue.JOBS
    depth = await services.broker.depth(queue)
    job = (await get_job(services.store, tenant, status.job_id)).document
    fields = {"queue": queue, "ready": depth.ready, "unsettled": depth.unsettled, "consumers": depth.consumers}
    seconds = services.settings.job.stall_seconds
    text = (
        f"job {job.job_id}: nothing happened for {seconds:.0f} s; queue {queue} holds {depth.ready} messages, "
        f"{depth.unsettled} are being worked on by {depth.consumers} consumers"
    )
    await say(
        services.store,
        "flow",
        "job.stalled",
        text,
        tenant=tenant,
        job_id=job.job_id,
        level=Level.WARNING,
        fields=fields,
    )
    if depth.ready or depth.unsettled:
        return
    if queue is Queue.JOBS:
        await send(services, job)
    else:
        await republish(services, job)
