"""One task looks at a job for everybody who listens to it, so that a crowd costs the record store no more than one."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from synthmill.errors import Retriable, SynthmillError
from synthmill.jobs.advance import TERMINAL_STATES
from synthmill.jobs.documents import get_job
from synthmill.jobs.history import history_of
from synthmill.jobs.journal import Journal
from synthmill.jobs.status import Status, count_job
from synthmill.services import Services
from synthmill_schemas.job import JobDocument, StateChange

FIRST_SECONDS = 0.5
_LAST_SECONDS = 3.0
_BACK_OFF = 1.4
_COUNTING_SHARE = 10.0
"""Counting is pausing for ten times as long as it took, so that it is at most a tenth of what a watch costs."""

_LEAST_COUNTING_SECONDS = 2.0

logger = logging.getLogger("synthmill_api")


@dataclass(frozen=True, slots=True)
class View:
    """A job as it was seen last; `ended`: in a state from which it goes no further, and all events of it are read."""

    job: JobDocument
    changes: Sequence[StateChange]
    events: int
    status: Status | None
    ended: bool


class Watch:
    """Looks until it is cancelled; `view` is there after `ready`."""

    def __init__(self, services: Services, tenant: str, job_id: str) -> None:
        self._services = services
        self._tenant, self._job_id = tenant, job_id
        self._changed = asyncio.Event()
        self._view: View | None = None
        self._failed: SynthmillError | None = None
        self._count_at = 0.0
        self.journal = Journal(services.store, tenant, job_id)

    async def ready(self) -> View:
        """The first view; raises what prevented it."""
        while self._view is None:
            if self._failed is not None:
                raise self._failed
            await self._changed.wait()
        return self._view

    async def other_than(self, seen: View) -> View:
        """The view, once it is not this one any more; raises what made an end of looking."""
        while self._view is seen or self._view is None:
            if self._failed is not None and not self._failed.retriable:
                raise self._failed
            await self._changed.wait()
        return self._view

    async def run(self) -> None:
        """Looks again and again; what cannot be reached is waited for, once there was a first view."""
        delay = FIRST_SECONDS
        while True:
            before = self._view
            try:
                view = await self._look(before)
            except SynthmillError as error:
                self._failed = error
                self._tell()
                if before is None or not isinstance(error, Retriable):
                    return
                logger.warning("job %s is not seen just now: %s", self._job_id, error)
            else:
                self._failed = None
                if view != before:
                    self._view, delay = view, FIRST_SECONDS
                    self._tell()
            await asyncio.sleep(delay)
            delay = min(delay * _BACK_OFF, _LAST_SECONDS)

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _look(self, before: View | None) -> View:
        job = (await get_job(self._services.store, self._tenant, self._job_id)).document
        fresh = await self.journal.extend()
        over = job.state in TERMINAL_STATES
        same = before is not None and (before.job.state, before.job.round) == (job.state, job.round)
        # the last event is said after the last change of state, so the end takes two looks
        ended = over and same and not fresh
        status = await self._counted(job, None if before is None else before.status, now=ended or not same)
        if before is not None and same:
            job = before.job  # leases are renewed all the time; nobody is told of that
        return View(job, history_of(job), len(self.journal), status, ended)

    async def _counted(self, job: JobDocument, last: Status | None, *, now: bool) -> Status | None:
        """The numbers, which are counted anew when it is time, or when the job has changed."""
        began = time.monotonic()
        if began < self._count_at and not now:
            return last
        status = await count_job(self._services.store, job)
        ended = time.monotonic()
        self._count_at = ended + max(_LEAST_COUNTING_SECONDS, _COUNTING_SHARE * (ended - began))
        return last if last is not None and _shown(last) == _shown(status) else status


def _shown(status: Status) -> tuple[object, ...]:
    return (status.state, status.requested, *status.facts)
