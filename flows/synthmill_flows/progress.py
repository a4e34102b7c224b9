"""Shows how far a job is while it runs: a Prefect artifact updated in place, and events in the record store."""

import re
import time
from collections.abc import Callable
from uuid import UUID

from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact

from synthmill.jobs.events import say
from synthmill.jobs.stall import Stall
from synthmill.jobs.status import Status
from synthmill.jobs.track import OnStatus
from synthmill.ports.records import RecordStore
from synthmill_flows.display import attempt
from synthmill_schemas.base import JsonObject

MIN_SECONDS = 2.0  # between two updates; a server takes some 30 a second from all its runs


def percent_of(status: Status) -> int:
    """Whole percent of N accepted; 0 while N is not known."""
    return 100 * status.accepted // status.requested if status.requested else 0


def artifact_key(prefix: str, name: str) -> str:
    """A key that Prefect takes: lower-case letters, digits and dashes only."""
    return re.sub(r"[^a-z0-9-]+", "-", f"{prefix}-{name}".lower())


def counts_of(status: Status) -> JsonObject:
    """The accounting identity and what it took."""
    return {
        "state": status.state.value,
        "round": status.round,
        "requested": status.requested,
        "accepted": status.accepted,
        "exhausted": status.exhausted,
        "parked": status.parked,
        "pending": status.pending,
        "rejects": sum(status.rejects_by_class.values()),
        "llm_calls": status.llm_calls,
        "cost_usd": status.cost_usd,
    }


class Throttle:
    """Lets a status through when its whole percent changed and the last is long enough ago; the first and last always.

    `clock` gives seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._percent: int | None = None
        self._since = 0.0

    def lets_through(self, status: Status) -> bool:
        """Whether this status is to be shown; it then counts as shown."""
        percent, moment = percent_of(status), self._clock()
        due = percent != self._percent and moment - self._since >= MIN_SECONDS
        if self._percent is None or due or not status.running:
            self._percent, self._since = percent, moment
            return True
        return False


class Shown:
    """One progress artifact `job-<id>`, made with the first status and kept up to date; Prefect may be away."""

    def __init__(self, job_id: str) -> None:
        self._key = artifact_key("job", job_id)
        self._id: UUID | None = None
        self._progress = 0.0
        self._throttle = Throttle()

    async def on_status(self, status: Status) -> None:
        """Shows it, if it says something new."""
        if self._throttle.lets_through(status):
            rejects = sum(status.rejects_by_class.values())
            self._progress = float(percent_of(status))
            await self._show(f"{status.accepted}/{status.requested} records, {rejects} rejected")

    async def on_stall(self, stall: Stall) -> None:
        """Says what is stuck until the next status."""
        await self._show(stall.text)

    async def _show(self, text: str) -> None:
        what = f"progress of {self._key}"
        if self._id is None:
            create = acreate_progress_artifact(self._progress, key=self._key, description=text)
            self._id = await attempt(create, what)
        else:
            await attempt(aupdate_progress_artifact(self._id, progress=self._progress, description=text), what)


def event_progress(store: RecordStore, tenant: str, job_id: str) -> OnStatus:
    """Stores an event `progress` with the accounting identity; the same counts of two runs are one event."""
    throttle = Throttle()

    async def on_status(status: Status) -> None:
        if not throttle.lets_through(status):
            return
        counts = counts_of(status)
        facts = "-".join(str(number) for number in status.facts)
        await say(
            store,
            "flow",
            "progress",
            f"job {job_id}: {status.accepted} of {status.requested} records, {status.pending} pending",
            tenant=tenant,
            job_id=job_id,
            fields=counts,
            event_id=f"{job_id}-progress-{status.state}-{facts}",
        )

    return on_status


def all_of(*listeners: OnStatus) -> OnStatus:
    """Calls one after the other."""

    async def on_status(status: Status) -> None:
        for listener in listeners:
            await listener(status)

    return on_status
