"""Plans a round of a job, from its document to its last confirmed request, by whoever holds the lease (law 3).

The worker does it for a message, the API for a small job while its client waits: what one leaves, the other finishes.
"""

import logging
from contextlib import suppress
from enum import StrEnum

from synthmill.errors import BadKey, ChecksumMismatch, ObjectMissing, StorageFull, SynthmillError, UserError
from synthmill.jobs.advance import fail
from synthmill.jobs.cleanup import delete_temporary_files
from synthmill.jobs.documents import find_job
from synthmill.jobs.events import Service, say
from synthmill.jobs.lease import new_owner, planner_lease
from synthmill.jobs.plan import RoundOver, plan_round
from synthmill.jobs.refresh import choose_seeds, close_unchanged, nothing_to_make
from synthmill.jobs.reusing import reuse_unreleased
from synthmill.jobs.unit import Unit, UnitOver
from synthmill.recipes import recompile
from synthmill.seeding.store import OnStored, store_seeds
from synthmill.services import Services
from synthmill_schemas.event import Level
from synthmill_schemas.job import RUNNING_STATES, JobDocument, JobMessage, JobState

logger = logging.getLogger(__name__)

_FINAL = (UserError, ChecksumMismatch, ObjectMissing, BadKey)
"""What another try of the same round cannot mend: the job fails, with the reason."""


class PlanOutcome(StrEnum):
    """What became of a round that was to be planned."""

    PLANNED = "planned"  # all its requests are out
    HANDED_ON = "handed on"  # a part of the work is done and noted, the rest is for the next delivery
    FAILED = "failed"  # the job cannot be worked on, and says why
    STALE = "stale"  # of another round, or of a job that is not running or not there
    DONE_BEFORE = "done before"


def _nobody_counts(seeds: int, rejects: int) -> None:
    del seeds, rejects


async def plan_job(
    services: Services, wanted: JobMessage, *, by: Service, on_stored: OnStored = _nobody_counts
) -> PlanOutcome:
    """Plans the round that is wanted, unless that is done or nobody wants it any more; then deletes the job's files.

    What takes longer than a unit is left, with a note of how far it came. Raises `LeaseTaken` while another planner is
    at it. `on_stored` is told how many seeds and rejects were stored.
    """
    outcome = await _planned(services, wanted, by, on_stored)
    if outcome is not PlanOutcome.HANDED_ON:
        await _clean_up(services, wanted)
    return outcome


async def _planned(services: Services, wanted: JobMessage, by: Service, on_stored: OnStored) -> PlanOutcome:
    unit = Unit(services.settings.worker.unit_seconds)
    job = await _open_job(services, wanted)
    if isinstance(job, PlanOutcome):
        return job
    try:
        async with planner_lease(services.store, job, new_owner(), services.settings.worker.lease_seconds):
            job = await _open_job(services, wanted)  # it may have been planned while we took the lease
            return job if isinstance(job, PlanOutcome) else await _plan(services, job, unit, by, on_stored)
    except StorageFull as error:
        await _say_full(services, wanted, by, error)
        raise


async def _open_job(services: Services, wanted: JobMessage) -> JobDocument | PlanOutcome:
    """The job, if this round of it is still to be planned (design laws 2 to 4)."""
    found = await find_job(services.store, wanted.tenant, wanted.job_id)
    if found is None:
        logger.warning("job %s is announced and not there", wanted.job_id)
        return PlanOutcome.STALE
    job = found.document
    if job.round != wanted.round or job.state not in RUNNING_STATES:
        return PlanOutcome.STALE
    return PlanOutcome.DONE_BEFORE if job.state is JobState.PLANNED else job


async def _plan(services: Services, job: JobDocument, unit: Unit, by: Service, on_stored: OnStored) -> PlanOutcome:
    try:
        seeded = await store_seeds(services, job, recompile(job.recipe), unit, by=by, on_stored=on_stored)
        chosen = await choose_seeds(services, seeded, unit)
        if nothing_to_make(chosen):
            await close_unchanged(services, chosen)
        else:
            await reuse_unreleased(services, chosen, by=by)
            await plan_round(services, chosen, unit, by=by)
    except UnitOver:
        return PlanOutcome.HANDED_ON
    except RoundOver as over:
        logger.info("%s", over)
        return PlanOutcome.STALE
    except _FINAL as error:
        await fail_job(services, job, _told(error), by=by)
        return PlanOutcome.FAILED
    return PlanOutcome.PLANNED


async def _clean_up(services: Services, wanted: JobMessage) -> None:
    """Deletes the uploaded files if their seeds are stored; the message is not done before, so that nobody forgets."""
    found = await find_job(services.store, wanted.tenant, wanted.job_id)
    if found is not None and found.document.sources and found.document.temporary_files == "kept":
        await delete_temporary_files(services, wanted.tenant, wanted.job_id)


async def fail_job(services: Services, job: JobDocument, reason: str, *, by: Service) -> None:
    """Ends the job's round as failed, even if its state moves on among the running ones meanwhile."""
    while True:
        found = await find_job(services.store, job.tenant, job.job_id)
        if found is None or found.document.round != job.round or found.document.state not in RUNNING_STATES:
            return
        await fail(services, found.document, reason, by=by)


async def _say_full(services: Services, wanted: JobMessage, by: Service, error: StorageFull) -> None:
    text = f"job {wanted.job_id} waits for space: {error}"
    with suppress(SynthmillError):  # the event needs space too
        await say(
            services.store,
            by,
            "job.storage_full",
            text,
            tenant=wanted.tenant,
            job_id=wanted.job_id,
            level=Level.ERROR,
            event_id=f"{wanted.job_id}-{wanted.round}-storage-full",
        )


def _told(error: SynthmillError) -> str:
    if isinstance(error, ObjectMissing):
        return f"an input file is gone ({error}): upload it again in a new job"
    return str(error)
