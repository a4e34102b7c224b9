"""Repairs what a crash left behind, from documents alone and without Prefect (design law 11).

Sends again what was created or published but not planned in time, moves on jobs whose round has ended while nobody
watched, publishes again what is in no queue any more, orders exports again, carries releases to their end, and rarely
sweeps. Safe to run by several at once, since every step is a compare-and-swap or deletes only what is orphaned;
`take_turn` keeps them from doing the same work.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from synthmill.errors import UserError, VersionConflict
from synthmill.jobs.advance import advance
from synthmill.jobs.cancel import cancel
from synthmill.jobs.documents import Changes, change_job, find_job, jobs_of
from synthmill.jobs.events import say
from synthmill.jobs.export.requests import OPEN_STATES, all_exports, overdue, send_export
from synthmill.jobs.lease import new_owner
from synthmill.jobs.release.abandoned import finish_abandoned
from synthmill.jobs.rounds import republish
from synthmill.jobs.status import job_status
from synthmill.jobs.submit import publish, send
from synthmill.jobs.sweep import Swept, sweep
from synthmill.jobs.tenants import known_tenants
from synthmill.ports.broker import Queue
from synthmill.ports.records import Collection, Place, Write, WriteMode
from synthmill.runs.lost import look_after_runs
from synthmill.runs.prefect import PrefectAway, prefect_rest
from synthmill.runs.telling import tell_all
from synthmill.services import Services
from synthmill_schemas.base import now
from synthmill_schemas.event import Level
from synthmill_schemas.job import JobDocument, JobState, Lease

logger = logging.getLogger(__name__)

_UNANSWERED = (JobState.CREATED, JobState.PUBLISHING)
_UNPLANNED = (*_UNANSWERED, JobState.PUBLISHED)


@dataclass(slots=True)
class Repairs:
    """What one pass did."""

    resent: int = 0
    given_up: int = 0
    advanced: int = 0
    republished: int = 0
    exports_resent: int = 0
    releases_ended: int = 0
    runs_told: int = 0
    runs_mended: int = 0


async def reconcile(services: Services, *, dry_run: bool = False) -> Repairs:
    """One pass over all tenants' jobs and exports; with `dry_run` it only counts what it would do."""
    repairs = Repairs()
    for tenant in await known_tenants(services.store):
        jobs = jobs_of(tenant)
        await services.store.visible(jobs)
        live = [state.value for state in (*_UNPLANNED, JobState.PLANNED)]
        async for stored in services.store.scan(jobs, {"state": live}):
            await _mend(services, JobDocument.model_validate(stored.document), repairs, dry_run=dry_run)
        async for export in all_exports(services.store, tenant, *OPEN_STATES):
            if overdue(services, export):
                repairs.exports_resent += 1
                if not dry_run:
                    await send_export(services, export)
    repairs.releases_ended += await finish_abandoned(services, dry_run=dry_run)
    if services.settings.prefect.url is not None and not dry_run:
        await _see_to_runs(services, repairs)
    return repairs


async def _see_to_runs(services: Services, repairs: Repairs) -> None:
    """Flow runs that are to be made, cancelled or continued; they wait while Prefect's server is down."""
    try:
        async with prefect_rest(services.settings.prefect) as prefect:
            repairs.runs_told += await tell_all(services, prefect)
            repairs.runs_mended += await look_after_runs(services, prefect)
    except PrefectAway as error:
        logger.warning("flow runs are seen to later: %s", error)


async def _mend(services: Services, job: JobDocument, repairs: Repairs, *, dry_run: bool) -> None:
    if job.state is JobState.PLANNED:
        await _mend_planned(services, job, repairs, dry_run=dry_run)
    elif _overdue(services, job) and _is_nobodys(job):
        repairs.given_up += 1
        if not dry_run:
            await _give_up(services, job)
    elif _overdue(services, job):
        repairs.resent += 1
        if not dry_run:
            await _send_again(services, job)


async def _mend_planned(services: Services, job: JobDocument, repairs: Repairs, *, dry_run: bool) -> None:
    status = await job_status(services.store, job.tenant, job.job_id)
    if status.open_in_round == 0:
        if not dry_run:
            await advance(services, job.tenant, status, by="reconcile")
        after = await find_job(services.store, job.tenant, job.job_id)
        repairs.advanced += dry_run or (after is not None and after.document.state is not JobState.PLANNED)
    elif await _is_in_no_queue(services, job):
        repairs.republished += 1
        if not dry_run:
            await republish(services, job, by="reconcile")


async def _is_in_no_queue(services: Services, job: JobDocument) -> bool:
    """Its slots are open though nobody has, or will be given, a request for them.

    Requests that were given up are parked by the worker a moment later, so those must be through as well.
    """
    if job.updated_at > now() - timedelta(seconds=services.settings.job.stall_seconds):
        return False
    for queue in (Queue.GENERATION, Queue.GENERATION_DEAD):
        depth = await services.broker.depth(queue)
        if depth.ready or depth.unsettled:
            return False
    # counted again after the queues were seen empty: the last answers may have come in between
    return (await job_status(services.store, job.tenant, job.job_id)).open_in_round > 0


async def sweep_in_turn(services: Services) -> Swept | None:
    """Sweeps, if nobody did for `sweep_seconds`; looking through all files is too much for every pass."""
    tenant, seconds = services.settings.tenant, services.settings.job.sweep_seconds
    if not await take_turn(services, tenant, new_owner(), seconds, of="sweep"):
        return None
    return await sweep(services)


def _overdue(services: Services, job: JobDocument) -> bool:
    """Nobody plans it, and nothing about it changed for longer than a healthy worker takes to begin."""
    planned_now = job.planner is not None and job.planner.expires_at > now()
    return not planned_now and job.updated_at < now() - timedelta(seconds=services.settings.job.resend_seconds)


def _is_nobodys(job: JobDocument) -> bool:
    """Its client was never told of it, has no key to ask for it again, and nothing of it can have been paid."""
    return job.keyless and job.round == 1 and job.state in _UNANSWERED and job.checkpoint is None


async def _give_up(services: Services, job: JobDocument) -> None:
    """A client that got no answer orders anew, and would pay for both."""
    reason = "its client got no answer, and gave no Idempotency-Key to ask for it again; resume it if it is wanted"
    with suppress(UserError):  # it ended just now
        await cancel(services, job.tenant, job.job_id, service="reconcile", reason=reason)


async def _send_again(services: Services, job: JobDocument) -> None:
    if job.state is JobState.PUBLISHED:
        await send(services, job)  # the same message id: a worker that has it drops this one
        await _wait_anew(services, job)
    else:
        await publish(services, job.tenant, job.job_id, by="reconcile")
    seconds = services.settings.job.resend_seconds
    text = f"job {job.job_id} round {job.round} was {job.state} and not planned for {seconds:.0f} s: sent again"
    await say(
        services.store, "reconcile", "job.resent", text, tenant=job.tenant, job_id=job.job_id, level=Level.WARNING
    )


async def _wait_anew(services: Services, job: JobDocument) -> None:
    """Else a job that waits behind many others would be sent at every pass, and lie in the queue as often."""

    def decide(found: JobDocument) -> Changes | None:
        return {} if (found.state, found.round) == (job.state, job.round) else None

    await change_job(services.store, job.tenant, job.job_id, decide)


async def take_turn(services: Services, tenant: str, owner: str, seconds: float, *, of: str = "reconcile") -> bool:
    """Whether the caller is the one who does this for the next `seconds`; a lease in the store says who."""
    place = Place(tenant, Collection.REPORTS)
    fresh = Lease(owner=owner, expires_at=now() + timedelta(seconds=seconds)).model_dump(mode="json")
    await services.store.bulk([Write(place, of, fresh, WriteMode.CREATE)])
    return await _take(services, place, of, fresh)


async def _take(services: Services, place: Place, of: str, fresh: dict[str, object]) -> bool:
    stored = await services.store.get(place, of)
    if stored is None:
        return False
    held_until = datetime.fromisoformat(str(stored.document["expires_at"]))
    if stored.document["owner"] != fresh["owner"] and held_until > now():
        return False
    try:
        await services.store.patch(place, of, fresh, expected=stored.version)
    except VersionConflict:
        return False  # somebody else took it just now
    return True
