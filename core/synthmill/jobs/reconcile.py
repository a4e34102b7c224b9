"""Repairs what a crash left behind, from documents alone and without Prefect (design law 11).

Sends again what was created or published but not planned in time, moves on jobs whose round has ended while nobody
watched, and deletes temporary files that nothing live refers to. Safe to run by several at once, since every step is
a compare-and-swap or deletes only what is orphaned; `take_turn` keeps them from doing the same work.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from synthmill.errors import VersionConflict
from synthmill.jobs.advance import advance
from synthmill.jobs.cleanup import delete_temporary_files, inputs_are_seeds
from synthmill.jobs.documents import find_job, jobs_of
from synthmill.jobs.events import say
from synthmill.jobs.status import job_status
from synthmill.jobs.submit import publish, send
from synthmill.jobs.tenants import known_tenants
from synthmill.ports.records import Collection, Place, Write, WriteMode
from synthmill.services import Services
from synthmill_schemas.base import now
from synthmill_schemas.event import Level
from synthmill_schemas.job import RUNNING_STATES, JobDocument, JobState, Lease

_HOLDER = "reconcile"
_UPLOADS = "sources"  # tmp/sources/<upload>/: files that the API keeps for jobs to come
_UNPLANNED = (JobState.CREATED, JobState.PUBLISHING, JobState.PUBLISHED)


@dataclass(slots=True)
class Repairs:
    """What one pass did."""

    resent: int = 0
    advanced: int = 0
    files_deleted: int = 0


async def reconcile(services: Services) -> Repairs:
    """One pass over all tenants' jobs and temporary files."""
    repairs = Repairs()
    tenants = await known_tenants(services.store)
    for tenant in tenants:
        jobs = jobs_of(tenant)
        await services.store.visible(jobs)
        live = [state.value for state in (*_UNPLANNED, JobState.PLANNED)]
        async for stored in services.store.scan(jobs, {"state": live}):
            await _mend(services, JobDocument.model_validate(stored.document), repairs)
    repairs.files_deleted = await sweep(services, tenants)
    return repairs


async def _mend(services: Services, job: JobDocument, repairs: Repairs) -> None:
    if job.state is JobState.PLANNED:
        await advance(services, job.tenant, await job_status(services.store, job.tenant, job.job_id))
        after = await find_job(services.store, job.tenant, job.job_id)
        repairs.advanced += after is not None and after.document.state is not JobState.PLANNED
    elif _overdue(services, job):
        await _send_again(services, job)
        repairs.resent += 1


def _overdue(services: Services, job: JobDocument) -> bool:
    """Nobody plans it, and nothing about it changed for longer than a healthy worker takes to begin."""
    planned_now = job.planner is not None and job.planner.expires_at > now()
    return not planned_now and job.updated_at < now() - timedelta(seconds=services.settings.job.resend_seconds)


async def _send_again(services: Services, job: JobDocument) -> None:
    if job.state is JobState.PUBLISHED:
        await send(services, job)  # the same message id: a worker that has it drops this one
    else:
        await publish(services, job.tenant, job.job_id, by="reconcile")
    seconds = services.settings.job.resend_seconds
    text = f"job {job.job_id} round {job.round} was {job.state} and not planned for {seconds:.0f} s: sent again"
    await say(
        services.store, "reconcile", "job.resent", text, tenant=job.tenant, job_id=job.job_id, level=Level.WARNING
    )


async def sweep(services: Services, tenants: Sequence[str]) -> int:
    """Deletes temporary files past their retention that nothing live refers to; answers how many files went."""
    oldest = now() - timedelta(hours=services.settings.job.temporary_file_hours)
    expired: dict[str, int] = {}
    async for item in services.objects.list("tmp/"):
        if item.modified_at < oldest:
            folder = _folder(item.key)
            expired[folder] = expired.get(folder, 0) + 1
    return sum([await _sweep_folder(services, tenants, folder, files) for folder, files in expired.items()])


def _folder(key: str) -> str:
    """What goes together: all files of a job, or one upload."""
    parts = key.split("/")
    return "/".join(parts[1:3]) if parts[1] == _UPLOADS else parts[1]


async def _sweep_folder(services: Services, tenants: Sequence[str], folder: str, files: int) -> int:
    if folder.startswith(f"{_UPLOADS}/"):  # jobs have copies of their own; the next upload brings the file back
        return await services.objects.delete_prefix(f"tmp/{folder}/")
    found = [await find_job(services.store, tenant, folder) for tenant in tenants]
    jobs = [job.document for job in found if job is not None]
    if any(_needs_files(job) for job in jobs):
        return 0
    for job in jobs:
        if inputs_are_seeds(job):
            await delete_temporary_files(services, job.tenant, job.job_id)
    await services.objects.delete_prefix(f"tmp/{folder}/")
    return files


def _needs_files(job: JobDocument) -> bool:
    return not inputs_are_seeds(job) and (job.state in RUNNING_STATES or job.state is JobState.CREATED)


async def take_turn(services: Services, tenant: str, owner: str, seconds: float) -> bool:
    """Whether the caller is the one who reconciles for the next `seconds`; a lease in the store says who."""
    place = Place(tenant, Collection.REPORTS)
    fresh = Lease(owner=owner, expires_at=now() + timedelta(seconds=seconds)).model_dump(mode="json")
    await services.store.bulk([Write(place, _HOLDER, fresh, WriteMode.CREATE)])
    return await _take(services, place, owner, fresh)


async def _take(services: Services, place: Place, owner: str, fresh: dict[str, object]) -> bool:
    stored = await services.store.get(place, _HOLDER)
    if stored is None:
        return False
    held_until = datetime.fromisoformat(str(stored.document["expires_at"]))
    if stored.document["owner"] != owner and held_until > now():
        return False
    try:
        await services.store.patch(place, _HOLDER, fresh, expected=stored.version)
    except VersionConflict:
        return False  # somebody else took it just now
    return True
