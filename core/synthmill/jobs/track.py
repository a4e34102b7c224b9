"""Follows a job until it rests: counts facts with back-off between polls, moves it on, notices a stall.

Whoever shows progress follows a job closely. A worker follows the rounds that it planned at a pace that costs the
record store little: it looks again after half the time that the rest should take, so that it looks often only near the
end, and a round that has ended is noticed within two seconds however long it ran.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from synthmill.jobs.advance import advance
from synthmill.jobs.documents import get_job
from synthmill.jobs.events import Service, say
from synthmill.jobs.rounds import republish
from synthmill.jobs.stall import Stall, look_at
from synthmill.jobs.status import Status, job_status
from synthmill.jobs.submit import send
from synthmill.ports.broker import Queue
from synthmill.services import Services
from synthmill_schemas.event import Level
from synthmill_schemas.job import JobState

FIRST_POLL_SECONDS = 0.2
LAST_POLL_SECONDS = 2.0
_BACK_OFF = 1.3

MIN_LOOK_SECONDS = 0.5
MAX_LOOK_SECONDS = 10.0
_STILL_LOOK_SECONDS = 2.0  # between looks at facts that stand still: their end cannot be reckoned

OnStatus = Callable[[Status], Awaitable[None]]
OnStall = Callable[[Stall], Awaitable[None]]
Look = Callable[[], Awaitable[Status]]


class Pace(Protocol):
    """How long to wait before the next look."""

    def seconds(self, status: Status) -> float:
        """After this look."""


class ClosePace:
    """For a display: soon after each change, later while nothing happens."""

    def __init__(self) -> None:
        self._delay = FIRST_POLL_SECONDS
        self._seen: tuple[int, ...] = ()

    def seconds(self, status: Status) -> float:
        """After this look."""
        changed, self._seen = status.facts != self._seen, status.facts
        self._delay = FIRST_POLL_SECONDS if changed else min(self._delay * _BACK_OFF, LAST_POLL_SECONDS)
        return self._delay


class RemotePace:
    """For somebody who only has to notice the end: half the time that the rest should take by the last look's rate.

    `crowd` is by how much longer everybody waits because there are many to look after.
    """

    def __init__(self, crowd: Callable[[], float] = lambda: 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._crowd = crowd
        self._clock = clock
        self._delay = MIN_LOOK_SECONDS
        self._open: int | None = None
        self._at = 0.0

    def seconds(self, status: Status) -> float:
        """After this look."""
        at, open_ = self._clock(), status.open_in_round
        if self._open is not None and open_ < self._open:
            left = open_ * (at - self._at) / (self._open - open_)
            self._delay = min(max(left / 2, MIN_LOOK_SECONDS), MAX_LOOK_SECONDS)
        elif self._open is not None:
            self._delay = min(self._delay * _BACK_OFF, _STILL_LOOK_SECONDS)
        self._open, self._at = open_, at
        return self._delay * self._crowd()


@dataclass(slots=True)
class _Standstill:
    """How long the facts of a job have stood still, by a clock that cannot jump."""

    facts: tuple[int, ...] = ()
    since: float = field(default_factory=time.monotonic)

    def seconds(self, status: Status) -> float:
        if status.facts != self.facts:
            self.facts, self.since = status.facts, time.monotonic()
        return time.monotonic() - self.since

    def forget(self) -> None:
        self.since = time.monotonic()


async def track(
    services: Services,
    tenant: str,
    job_id: str,
    on_status: OnStatus,
    *,
    pace: Pace | None = None,
    on_stall: OnStall | None = None,
    look: Look | None = None,
) -> Status:
    """Returns the status at rest: completed, failed, blocked, paused or cancelled.

    `pace`: by default a display's. `look`: how to learn the status, by default all facts are counted each time.
    """
    standstill, pace = _Standstill(), pace or ClosePace()
    while True:
        status = await (look() if look else job_status(services.store, tenant, job_id))
        await on_status(status)
        if not status.running and status.state is not JobState.CREATED:
            return status
        stall = await _move_on(services, tenant, status, standstill, by="flow")
        if stall is not None and on_stall is not None:
            await on_stall(stall)
        await asyncio.sleep(pace.seconds(status))


async def track_round(services: Services, tenant: str, job_id: str, round_: int, pace: Pace) -> None:
    """Moves the job on when this round of it has ended; returns when it has, or when the job rests."""
    standstill = _Standstill()
    while True:
        status = await job_status(services.store, tenant, job_id)
        if not status.running or status.round != round_:
            return
        await _move_on(services, tenant, status, standstill, by="worker")
        await asyncio.sleep(pace.seconds(status))


async def _move_on(
    services: Services, tenant: str, status: Status, standstill: _Standstill, *, by: Service
) -> Stall | None:
    """What is stuck, if nothing has moved for too long."""
    await advance(services, tenant, status, by=by)
    if standstill.seconds(status) <= services.settings.job.stall_seconds:
        return None
    standstill.forget()
    return await _stalled(services, tenant, status, by=by)


async def _stalled(services: Services, tenant: str, status: Status, *, by: Service) -> Stall:
    """Says what is stuck; sends again only what is no longer in a queue (design law 4)."""
    stall = await look_at(services, tenant, status, services.settings.job.stall_seconds)
    job = (await get_job(services.store, tenant, status.job_id)).document
    await say(
        services.store,
        by,
        "job.stalled",
        stall.text,
        tenant=tenant,
        job_id=job.job_id,
        level=Level.WARNING,
        fields=stall.fields,
    )
    if not stall.queue_is_empty:
        return stall
    if stall.queue is Queue.JOBS:
        await send(services, job)
    else:
        await republish(services, job, by=by)
    return stall
