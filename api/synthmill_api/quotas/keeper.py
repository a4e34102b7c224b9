"""Refuses what goes beyond a tenant's limits.

Request rates are kept by each process for its share. Running jobs, bytes, tokens and money are counted over the whole
installation, so that only requests of the same moment can pass a limit together.
"""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from synthmill.ports.records import RecordStore
from synthmill_api.errors import Code, Refused
from synthmill_api.quotas import use
from synthmill_api.quotas.bucket import Bucket, Taken
from synthmill_api.quotas.limits import Limits, limits_of
from synthmill_schemas.base import now
from synthmill_schemas.budget import Budget

LIMITS_SECONDS = 5.0
"""A changed limit is heeded after so long at the latest."""

_MOST_TENANTS = 10_000
_JOBS_RETRY_SECONDS = 10
"""Jobs end when they end: a client that asks every ten seconds neither waits long nor is a burden."""


@dataclass(slots=True)
class _Known:
    limits: Limits
    read_at: float
    bucket: Bucket | None


class Keeper:
    """One of a process. `processes` share a tenant's request rate evenly."""

    def __init__(
        self, store: RecordStore, defaults: Limits, processes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._defaults = defaults
        self._processes = processes
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._unnoted: dict[str, int] = {}
        self._noting = asyncio.Lock()

    async def limits(self, tenant: str) -> Limits:
        """The tenant's limits, at most LIMITS_SECONDS old."""
        return (await self._tenant(tenant)).limits

    async def take(self, tenant: str) -> Taken | None:
        """One request of the tenant's rate; None when it has no such limit."""
        bucket = (await self._tenant(tenant)).bucket
        return None if bucket is None else bucket.take(self._clock())

    async def upload_room(self, tenant: str) -> int | None:
        """Bytes that may still come; None: as many as anybody's. Raises `Refused` when there are none."""
        limits = await self.limits(tenant)
        rooms = []
        if limits.upload_bytes_a_day is not None:
            left = limits.upload_bytes_a_day - await use.received_today(self._store, tenant)
            rooms.append((left, use.tomorrow()))
        if limits.upload_bytes_a_month is not None:
            left = limits.upload_bytes_a_month - await use.received_this_month(self._store, tenant)
            rooms.append((left, use.next_month()))
        for left, again in rooms:
            if left <= 0:
                raise _refused(Code.UPLOAD_QUOTA, "all bytes that this tenant may upload were received", again)
        return min((left for left, _ in rooms), default=None)

    async def received(self, tenant: str, size: int) -> None:
        """Notes the bytes of an upload, whatever became of it."""
        self._unnoted[tenant] = self._unnoted.get(tenant, 0) + size
        async with self._noting:  # one writer a process: others that came meanwhile find theirs written
            if size := self._unnoted.pop(tenant, 0):
                await use.note_received(self._store, tenant, size)

    async def admit_work(self, tenant: str, job_id: str | None) -> None:
        """Raises `Refused` when no job may start, or this one may not go on; one that is at work is none more."""
        limits = await self.limits(tenant)
        if (limits.running_jobs, limits.tokens_a_month, limits.usd_a_month) == (None, None, None):
            return
        await self._admit_spending(tenant, limits)
        if limits.running_jobs is not None and not await use.works(self._store, tenant, job_id):
            running = await use.running_jobs(self._store, tenant)
            if running >= limits.running_jobs:
                detail = f"{running} jobs of this tenant are running; it may have {limits.running_jobs}"
                raise Refused(Code.JOBS_QUOTA, detail, retry_after=_JOBS_RETRY_SECONDS)

    async def left(self, tenant: str) -> Budget:
        """What may still be spent this month, as a new job's caps; none for what has no limit, or is spent."""
        limits = await self.limits(tenant)
        if limits.tokens_a_month is None and limits.usd_a_month is None:
            return Budget()
        spent = await use.spent(self._store, tenant)
        usd = None if limits.usd_a_month is None else limits.usd_a_month - spent.usd
        tokens = None if limits.tokens_a_month is None else limits.tokens_a_month - spent.tokens
        return Budget(max_usd=usd if usd and usd > 0 else None, max_tokens=tokens if tokens and tokens > 0 else None)

    async def _admit_spending(self, tenant: str, limits: Limits) -> None:
        if limits.tokens_a_month is None and limits.usd_a_month is None:
            return
        spent, until = await use.spent(self._store, tenant), use.next_month().date().isoformat()
        if limits.tokens_a_month is not None and spent.tokens >= limits.tokens_a_month:
            detail = (
                f"{spent.tokens:,} tokens were used this month, of {limits.tokens_a_month:,}; the next begins {until}"
            )
            raise Refused(Code.BUDGET_SPENT, detail)
        if limits.usd_a_month is not None and spent.usd >= limits.usd_a_month:
            detail = f"{spent.usd:.2f} USD were spent this month, of {limits.usd_a_month:.2f}; the next begins {until}"
            raise Refused(Code.BUDGET_SPENT, detail)

    async def _tenant(self, tenant: str) -> _Known:
        known = self._known.get(tenant)
        if known is not None and self._clock() - known.read_at < LIMITS_SECONDS:
            return known
        limits = await limits_of(self._store, tenant, self._defaults)
        before = self._known.get(tenant)
        bucket = before.bucket if before is not None and before.limits == limits else self._bucket(limits)
        self._known[tenant] = _Known(limits, self._clock(), bucket)
        while len(self._known) > _MOST_TENANTS:
            self._known.popitem(last=False)
        return self._known[tenant]

    def _bucket(self, limits: Limits) -> Bucket | None:
        if limits.requests_per_second is None:
            return None
        rate = limits.requests_per_second / self._processes
        size = max(1, (limits.burst or math.ceil(limits.requests_per_second)) // self._processes)
        return Bucket(size, rate, float(size), self._clock())


def _refused(code: Code, detail: str, again: datetime) -> Refused:
    return Refused(code, detail, retry_after=max(1, math.ceil((again - now()).total_seconds())))
