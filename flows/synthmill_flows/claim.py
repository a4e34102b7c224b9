"""One flow run acts on a job at a time; another run of the same job watches until it is its turn (design law 10).

The claim is a lease in the job document. It runs out when its holder died, and is taken over at once when the holder
was a process of this machine that is gone.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from synthmill.errors import Retriable, SynthmillError
from synthmill.jobs.documents import Changes, VersionedJob, get_job, jobs_of
from synthmill.jobs.status import job_status
from synthmill.jobs.track import OnStatus
from synthmill.services import Services
from synthmill.versioned import change
from synthmill_schemas.base import now
from synthmill_schemas.job import JobDocument, Lease

_WATCH_SECONDS = 1.0  # between two looks at a job that another run holds
_RENEWALS_PER_LEASE = 3  # two may fail before the lease runs out


class ClaimLost(SynthmillError):
    """The claim ran out while we could not renew it, and another process of the run has the job."""


class Turn(StrEnum):
    """Who has the job."""

    OURS = "ours"
    ANOTHERS = "anothers"


@dataclass(frozen=True, slots=True)
class Claimant:
    """A flow run that wants the job, in this process."""

    services: Services
    tenant: str
    job_id: str
    flow_run_id: str

    async def take(self) -> Turn:
        """Takes the job if it is free, ours already, or its holder is dead."""
        return await self._change(self._taken)

    async def keep(self) -> None:
        """Renews until cancelled, or until another process has the job: this one was taken for dead meanwhile."""
        while True:
            await asyncio.sleep(self.services.settings.job.flow_lease_seconds / _RENEWALS_PER_LEASE)
            with suppress(Retriable):  # the next renewal comes before the lease runs out
                if await self._change(self._kept) is Turn.ANOTHERS:
                    return

    async def give_back(self) -> None:
        """Lets the next run have it; `flow_run_id` stays, it tells who had it last."""
        await self._change(lambda job: {"flow": None} if self._here(job.flow) else None)

    async def _change(self, decide: Callable[[JobDocument], Changes | None]) -> Turn:
        # Not by change_job: that sets updated_at, which tells when the job ended, and a claim is no progress.
        store = self.services.store

        async def read() -> VersionedJob:
            return await get_job(store, self.tenant, self.job_id)

        job = await change(store, jobs_of(self.tenant), self.job_id, read, decide)
        return Turn.OURS if self._here(job.document.flow) else Turn.ANOTHERS

    def _taken(self, job: JobDocument) -> Changes | None:
        held = job.flow
        if held is not None and not self._here(held) and held.expires_at > now() and not holder_is_dead(held.owner):
            return None  # perhaps another process of this very run, which Prefect began twice
        seconds = self.services.settings.job.flow_lease_seconds
        lease = Lease(owner=owner_of(self.flow_run_id), expires_at=now() + timedelta(seconds=seconds))
        return {"flow_run_id": self.flow_run_id, "flow": lease}

    def _kept(self, job: JobDocument) -> Changes | None:
        return self._taken(job) if job.flow is None or self._here(job.flow) else None

    def _here(self, held: Lease | None) -> bool:
        return held is not None and held.owner == owner_of(self.flow_run_id)


@asynccontextmanager
async def claimed(claimant: Claimant, watch: OnStatus) -> AsyncIterator[None]:
    """Holds the job's claim; while another live run has it, only reads and calls `watch`."""
    while await claimant.take() is Turn.ANOTHERS:
        await watch(await job_status(claimant.services.store, claimant.tenant, claimant.job_id))
        await asyncio.sleep(_WATCH_SECONDS)
    work, renewal, over = asyncio.current_task(), asyncio.create_task(claimant.keep()), False

    def stop(_: object) -> None:
        if work is not None and not over:
            work.cancel()

    renewal.add_done_callback(stop)
    try:
        yield
    except asyncio.CancelledError:
        if renewal.done() and not renewal.cancelled() and work is not None:
            work.uncancel()
            raise ClaimLost(f"another process goes on with job {claimant.job_id}") from renewal.exception()
        raise
    finally:
        over = True
        renewal.cancel()
        await asyncio.gather(renewal, return_exceptions=True)
        await claimant.give_back()


def owner_of(flow_run_id: str) -> str:
    """`<flow run>@<machine>/<pid>`: names the run, and the process in which it is alive."""
    return f"{flow_run_id}@{_machine()}/{os.getpid()}"


def holder_is_dead(owner: str) -> bool:
    """Whether the holder was a process of this machine that is gone; of another machine nothing is known."""
    machine, _, pid = owner.partition("@")[2].rpartition("/")
    if machine != _machine() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _machine() -> str:
    """The host, and where pids are counted apart (containers) the number space they belong to."""
    space = Path("/proc/self/ns/pid")
    return f"{os.uname().nodename}/{space.stat().st_ino if space.exists() else 0}"
