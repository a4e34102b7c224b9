"""A job's account in the record store: opened before its first call, counted anew before each further round.

Consumers change it while they work (`consumer/src/elastic/spending.rs`, `core/synthmill/bridge/reservations.py`); every
change is a compare-and-swap.
"""

import time
import uuid
from collections.abc import Callable

from synthmill.jobs.spending import NOTHING, committed, less
from synthmill.ports.records import Collection, Place, RecordStore, Write, WriteMode
from synthmill.versioned import Changes, Versioned, change, parsed
from synthmill_schemas.budget import Amount, SpendingDocument
from synthmill_schemas.job import JobDocument

Decide = Callable[[SpendingDocument], SpendingDocument | None]


def account_id(job_id: str) -> str:
    """One account a job."""
    return f"spending-{job_id}"


def accounts_of(tenant: str) -> Place:
    """Where a tenant's accounts are."""
    return Place(tenant, Collection.REPORTS)


async def find_account(store: RecordStore, tenant: str, job_id: str) -> SpendingDocument | None:
    """The account as it is now; None for a job that never had a budget."""
    stored = await store.get(accounts_of(tenant), account_id(job_id))
    return None if stored is None else parsed(SpendingDocument, stored).document


async def open_account(store: RecordStore, job: JobDocument) -> None:
    """Opens the account of a job with a budget, unless it is open; what its calls took before is in it."""
    if await find_account(store, job.tenant, job.job_id) is not None:
        return
    account = SpendingDocument(
        tenant=job.tenant,
        report_id=account_id(job.job_id),
        job_id=job.job_id,
        reported=await told_by_ledger(store, job),
    )
    place = accounts_of(job.tenant)
    await store.bulk([Write(place, account.report_id, account.model_dump(mode="json"), WriteMode.CREATE)])


async def recount(store: RecordStore, job: JobDocument) -> Amount:
    """What counts as spent, after the ledger was asked about calls of consumers that died.

    Such a consumer's answers are in the ledger, but not in the account: there they are among what is lost. While a
    consumer is at work the account is ahead of what can be counted, and is left as it is.
    """
    await open_account(store, job)
    ledger, at = await told_by_ledger(store, job), int(time.time())

    def decide(account: SpendingDocument) -> SpendingDocument | None:
        missed = less(ledger, account.reported)
        if missed == NOTHING or any(holder.until >= at for holder in account.holders):
            return None
        lost = account.lost
        for holder in account.holders:
            lost = Amount(tokens=lost.tokens + holder.held.tokens, usd=lost.usd + holder.held.usd)
        return account.model_copy(update={"reported": ledger, "lost": less(lost, missed), "holders": []})

    return committed(await change_account(store, job.tenant, job.job_id, decide))


async def change_account(store: RecordStore, tenant: str, job_id: str, decide: Decide) -> SpendingDocument:
    """The account after `decide` had its way with it, perhaps several times; None: left as it is."""
    place, id_ = accounts_of(tenant), account_id(job_id)

    async def read() -> Versioned[SpendingDocument]:
        stored = await store.get(place, id_)
        if stored is None:
            raise LookupError(f"{id_} was not opened")
        return parsed(SpendingDocument, stored)

    def changes(account: SpendingDocument) -> Changes | None:
        after = decide(account)
        if after is None or after == account:
            return None
        fields = ("reported", "assumed", "lost", "holders")
        return {**{name: getattr(after, name) for name in fields}, "change": uuid.uuid4().hex}

    return (await change(store, place, id_, read, changes)).document


async def told_by_ledger(store: RecordStore, job: JobDocument) -> Amount:
    """What the job's answered calls took, by their ledger documents."""
    calls = Place(job.tenant, Collection.CALLS)
    await store.visible(calls)
    sums = (await store.totals(calls, ["prompt_tokens", "completion_tokens", "cost_usd"], {"job_id": job.job_id})).sums
    return Amount(tokens=int(sums["prompt_tokens"] + sums["completion_tokens"]), usd=max(0.0, sums["cost_usd"]))
