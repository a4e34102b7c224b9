"""What a tenant has used: jobs and paid calls are counted where they are stored, received bytes in one note a day."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import Field

from synthmill.jobs.documents import find_job, jobs_of
from synthmill.ports.records import Collection, Place, Range, RecordStore, Write, WriteMode, WriteStatus
from synthmill.versioned import Changes, Versioned, change, parsed
from synthmill_schemas.base import Contract, Count, Name, now
from synthmill_schemas.job import RUNNING_STATES, JobState

_RECEIVED = Place("_received", Collection.KEYS)  # of no tenant, as are the tenants' documents
_WORKING = sorted({*RUNNING_STATES, JobState.CREATED})


class ReceivedBytes(Contract):
    """What one day's uploads of a tenant came to; `_id` is `<tenant>@<day>`.

    A count, because a file that is deleted or was never finished leaves no other fact.
    """

    version: Literal[1] = 1
    for_tenant: Name
    day: str = Field(description="UTC, e.g. 2026-11-23")
    received: Count = Field(0, description="bytes")


@dataclass(frozen=True, slots=True)
class Spent:
    """Of the present month, in UTC."""

    tokens: int
    usd: float


async def running_jobs(store: RecordStore, tenant: str) -> int:
    """Jobs that are at work, or about to be."""
    await store.visible(jobs_of(tenant))
    return await store.count(jobs_of(tenant), {"state": [state.value for state in _WORKING]})


async def works(store: RecordStore, tenant: str, job_id: str | None) -> bool:
    """Whether this job is among them."""
    found = None if job_id is None else await find_job(store, tenant, job_id)
    return found is not None and found.document.state in _WORKING


async def spent(store: RecordStore, tenant: str) -> Spent:
    """Sums over the ledger of paid calls."""
    calls = Place(tenant, Collection.CALLS)
    await store.visible(calls)
    fields = ["prompt_tokens", "completion_tokens", "cost_usd"]
    sums = (await store.totals(calls, fields, {"at": Range(low=month_start().isoformat())})).sums
    return Spent(int(sums["prompt_tokens"] + sums["completion_tokens"]), sums["cost_usd"])


async def received_today(store: RecordStore, tenant: str) -> int:
    """Bytes of uploads."""
    return sum(await _received(store, tenant, [now()]))


async def received_this_month(store: RecordStore, tenant: str) -> int:
    """Bytes of uploads."""
    return sum(await _received(store, tenant, [month_start() + timedelta(days=day) for day in range(now().day)]))


async def note_received(store: RecordStore, tenant: str, size: int) -> None:
    """Adds to today's; exact, however many processes do so at once."""
    day = now().date().isoformat()
    id_ = f"{tenant}@{day}"
    note = ReceivedBytes(for_tenant=tenant, day=day, received=size)
    (result,) = await store.bulk([Write(_RECEIVED, id_, note.model_dump(mode="json"), WriteMode.CREATE)])
    if result.status is WriteStatus.STORED:
        return

    async def read() -> Versioned[ReceivedBytes]:
        stored = await store.get(_RECEIVED, id_)
        assert stored is not None, "written above, and nobody deletes it"
        return parsed(ReceivedBytes, stored)

    def decide(found: ReceivedBytes) -> Changes | None:
        return {"received": found.received + size}

    await change(store, _RECEIVED, id_, read, decide)


async def _received(store: RecordStore, tenant: str, days: list[datetime]) -> list[int]:
    found = await store.get_many(_RECEIVED, [f"{tenant}@{day.date().isoformat()}" for day in days])
    return [ReceivedBytes.model_validate(stored.document).received for stored in found if stored is not None]


def month_start() -> datetime:
    """When the present month began, in UTC."""
    return now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month() -> datetime:
    """When the next one begins."""
    return (month_start() + timedelta(days=32)).replace(day=1)


def tomorrow() -> datetime:
    """When the next day begins, in UTC."""
    return datetime.combine(now().date() + timedelta(days=1), datetime.min.time(), UTC)
