"""A job message: plan this round of this job. The job document decides what is still to be done."""

import logging
from contextlib import suppress

from pydantic import ValidationError

from synthmill import logs
from synthmill.errors import BadKey, ChecksumMismatch, ObjectMissing, StorageFull, SynthmillError, UserError
from synthmill.jobs.advance import fail
from synthmill.jobs.cleanup import delete_temporary_files
from synthmill.jobs.documents import find_job
from synthmill.jobs.events import say
from synthmill.jobs.lease import new_owner, planner_lease
from synthmill.jobs.plan import RoundOver, plan_round
from synthmill.jobs.refresh import choose_seeds, close_unchanged, nothing_to_make
from synthmill.jobs.unit import Unit, UnitOver
from synthmill.ports.broker import Message
from synthmill.recipes import recompile
from synthmill.services import Services
from synthmill_schemas.event import Level
from synthmill_schemas.job import RUNNING_STATES, JobDocument, JobMessage, JobState
from synthmill_worker.handlers.words import Handled, Undecodable
from synthmill_worker.seeding import store_seeds

logger = logging.getLogger(__name__)

_FINAL = (UserError, ChecksumMismatch, ObjectMissing, BadKey)
"""What another try of the same round cannot mend: the job fails, with the reason."""


def decode(message: Message) -> JobMessage:
    """The message's body, or `Undecodable`."""
    try:
        return JobMessage.model_validate_json(message.body)
    except ValidationError as error:
        raise Undecodable.because("a job message", error) from error


async def handle_job(services: Services, message: Message) -> Handled:
    """Plans the round that the message names, unless that is done or no longer wanted; then deletes the job's files.

    What takes longer than a unit is left for the next delivery, with a note of how far it came.
    Raises `LeaseTaken` while another planner is at it.
    """
    wanted = decode(message)
    with logs.bound(job_id=wanted.job_id):
        handled = await _planned(services, wanted)
        if handled is not Handled.HANDED_ON:
            await _clean_up(services, wanted)
    return handled


async def _planned(services: Services, wanted: JobMessage) -> Handled:
    unit = Unit(services.settings.worker.unit_seconds)
    job = await _open_job(services, wanted)
    if isinstance(job, Handled):
        return job
    try:
        async with planner_lease(services.store, job, new_owner(), services.settings.worker.lease_seconds):
            job = await _open_job(services, wanted)  # it may have been planned while we took the lease
            return job if isinstance(job, Handled) else await _plan(services, job, unit)
    except StorageFull as error:
        await _say_full(services, wanted, error)
        raise


async def _open_job(services: Services, wanted: JobMessage) -> JobDocument | Handled:
    """The job, if this round of it is still to be planned (design laws 2 to 4)."""
    found = await find_job(services.store, wanted.tenant, wanted.job_id)
    if found is None:
        logger.warning("job %s is announced and not there", wanted.job_id)
        return Handled.STALE
    job = found.document
    if job.round != wanted.round or job.state not in RUNNING_STATES:
        return Handled.STALE
    return Handled.DONE_BEFORE if job.state is JobState.PLANNED else job


async def _plan(services: Services, job: JobDocument, unit: Unit) -> Handled:
    try:
        seeded = await store_seeds(services, job, recompile(job.recipe), unit)
        chosen = await choose_seeds(services, seeded)
        if nothing_to_make(chosen):
            await close_unchanged(services, chosen)
        else:
            await plan_round(services, chosen, unit)
    except UnitOver:
        return Handled.HANDED_ON
    except RoundOver as over:
        logger.info("%s", over)
        return Handled.STALE
    except _FINAL as error:
        await fail_job(services, job, _told(error))
        return Handled.FAILED
    return Handled.PLANNED


async def _clean_up(services: Services, wanted: JobMessage) -> None:
    """Deletes the uploaded files if their seeds are stored; the message is not done before, so that nobody forgets."""
    found = await find_job(services.store, wanted.tenant, wanted.job_id)
    if found is not None and found.document.sources and found.document.temporary_files == "kept":
        await delete_temporary_files(services, wanted.tenant, wanted.job_id)


async def fail_job(services: Services, job: JobDocument, reason: str) -> None:
    """Ends the job's round as failed, even if its state moves on among the running ones meanwhile."""
    while True:
        found = await find_job(services.store, job.tenant, job.job_id)
        if found is None or found.document.round != job.round or found.document.state not in RUNNING_STATES:
            return
        await fail(services, found.document, reason, by="worker")


async def _say_full(services: Services, wanted: JobMessage, error: StorageFull) -> None:
    text = f"job {wanted.job_id} waits for space: {error}"
    with suppress(SynthmillError):  # the event needs space too
        await say(
            services.store,
            "worker",
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
