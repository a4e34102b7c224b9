"""The release of one job: number → `since` → `until` → the version's document → `latest`, each done again unharmed."""

from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum

from synthmill.errors import UserError
from synthmill.jobs.documents import get_job
from synthmill.jobs.events import Service, say
from synthmill.jobs.lease import new_owner
from synthmill.jobs.release.documents import find_dataset, version_of_job, versions_of
from synthmill.jobs.release.marking import end_replaced, show_new
from synthmill.jobs.release.turn import Turn, take_turn
from synthmill.jobs.release.versions import UNRELEASED, shown_in
from synthmill.jobs.seed_index import SeedIndex
from synthmill.ports.records import Collection, Place, RecordStore, Write
from synthmill.services import Services
from synthmill_schemas.dataset import VersionDocument, version_id
from synthmill_schemas.job import JobDocument, JobPurpose, JobState

RELEASABLE = frozenset({JobState.COMPLETED, JobState.COMPLETED_WITH_PARKED})


class ReleaseOutcome(StrEnum):
    """What a release came to."""

    RELEASED = "released"
    ALREADY = "already"  # this job's records are in `version` since an earlier call
    NOTHING_NEW = "nothing_new"  # the job adds and ends nothing: `version` is the last one, None if there is none


@dataclass(frozen=True, slots=True)
class Release:
    """`records`: what readers of `version` get; `added` are new in it, `ended` it no longer shows."""

    outcome: ReleaseOutcome
    dataset: str
    version: int | None
    job_id: str
    records: int = 0
    added: int = 0
    ended: int = 0


async def release(services: Services, tenant: str, job_id: str, *, by: Service = "flow") -> Release:
    """Makes the job's accepted records the next version of its dataset, and moves `latest` to it at the very end.

    Records of other jobs that were made from the same seeds end with it; so do those of vanished seeds, when the job
    is a refresh and its recipe prunes. Can be repeated after any crash. Raises `UserError` for a job that has not
    completed, or was a quote.
    """
    job = (await get_job(services.store, tenant, job_id)).document
    _require_releasable(job)
    owner = new_owner()
    while True:
        turn = await take_turn(services, tenant, job.dataset, job_id, owner, lambda: _wanted(services.store, job))
        if turn is None:
            return await _as_it_is(services.store, job)
        version = await carry_out(turn, by=by)
        if version.job_id == job_id:
            return _told(ReleaseOutcome.RELEASED, version)


async def carry_out(turn: Turn, *, by: Service) -> VersionDocument:
    """Does the release whose turn it is, or what is left of it."""
    services, number = turn.services, turn.releasing.number
    tenant = turn.seen.document.tenant
    job = (await get_job(services.store, tenant, turn.releasing.job_id)).document
    with closing(SeedIndex()) as seeds:
        await show_new(turn, job, seeds)
        await end_replaced(turn, job, seeds)
    version = await _counted(services.store, job, number)
    document = version.model_dump(mode="json")
    await services.store.bulk([Write(versions_of(tenant), version_id(job.dataset, number), document)])
    await turn.keep()
    await services.store.promote(tenant, job.dataset, number)
    await turn.end()
    await _say(services.store, version, by)
    return version


async def _wanted(store: RecordStore, job: JobDocument) -> bool:
    """Whether the job has records that no version shows, or ends some of vanished seeds and has not yet."""
    records = Place(job.tenant, Collection.RECORDS, job.dataset)
    await store.visible(records)
    if await store.count(records, {"job_id": job.job_id, **UNRELEASED}):
        return True
    prunes = job.refresh is not None and job.recipe.seeds.prune and job.refresh.vanished > 0
    return prunes and await version_of_job(store, job.tenant, job.job_id) is None


async def _as_it_is(store: RecordStore, job: JobDocument) -> Release:
    version = await version_of_job(store, job.tenant, job.job_id)
    if version is not None:
        return _told(ReleaseOutcome.ALREADY, version)
    found = await find_dataset(store, job.tenant, job.dataset)
    latest = None if found is None else found.document.latest
    return Release(ReleaseOutcome.NOTHING_NEW, job.dataset, latest, job.job_id)


async def _counted(store: RecordStore, job: JobDocument, number: int) -> VersionDocument:
    records = Place(job.tenant, Collection.RECORDS, job.dataset)
    await store.visible(records)
    return VersionDocument(
        tenant=job.tenant,
        dataset=job.dataset,
        number=number,
        job_id=job.job_id,
        records=await store.count(records, shown_in(number)),
        added=await store.count(records, {"since": number}),
        ended=await store.count(records, {"until": number}),
    )


async def _say(store: RecordStore, version: VersionDocument, by: Service) -> None:
    counts = {"records": version.records, "added": version.added, "ended": version.ended}
    name = f"{version.dataset} version {version.number}"
    await say(
        store,
        by,
        "dataset.released",
        f"{name} is released: {version.records} records, {version.added} added, {version.ended} ended",
        tenant=version.tenant,
        job_id=version.job_id,
        fields={"dataset": version.dataset, "version": version.number, **counts},
        event_id=f"{version_id(version.dataset, version.number)}-released",
    )


def _require_releasable(job: JobDocument) -> None:
    if job.purpose is JobPurpose.QUOTE:
        raise UserError(f"job {job.job_id} was a quote: its records are never part of a dataset")
    if job.state not in RELEASABLE:
        raise UserError(f"job {job.job_id} is {job.state}: only what has completed can be released")


def _told(outcome: ReleaseOutcome, version: VersionDocument) -> Release:
    return Release(
        outcome, version.dataset, version.number, version.job_id, version.records, version.added, version.ended
    )
