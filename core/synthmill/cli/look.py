"""What the command line looks up in the store besides a job's status."""

from datetime import datetime
from pathlib import Path

from synthmill.cli import words
from synthmill.cli.environment import whereabouts
from synthmill.jobs.advance import TERMINAL_STATES
from synthmill.jobs.documents import jobs_of
from synthmill.jobs.status import Status
from synthmill.ports.records import Collection, Place, Query, Range, Where
from synthmill.services import Services
from synthmill.settings import Profile
from synthmill_schemas.event import EventDocument, Level
from synthmill_schemas.job import RUNNING_STATES, JobDocument
from synthmill_schemas.ledger import RejectDocument

_WARNINGS_LOOKED_AT = 20  # those of other jobs are among them
_EXAMPLES = 3
_EXAMPLE_CHARACTERS = 240
_ENDINGS = frozenset(f"job.{state}" for state in TERMINAL_STATES)  # the summary says these


async def last_warning(services: Services, tenant: str, job_id: str, since: datetime) -> EventDocument | None:
    """The newest warning or error of the job, or of no job in particular, from `since` on."""
    place = Place(tenant, Collection.EVENTS)
    await services.store.visible(place)
    levels = [Level.WARNING.value, Level.ERROR.value]
    moment = since.isoformat().replace("+00:00", "Z")
    where: Where = {"level": levels, "at": Range(low=moment)}
    page = await services.store.search(place, Query(where, sort="-at", limit=_WARNINGS_LOOKED_AT))
    events = (EventDocument.model_validate(hit.document) for hit in page.hits)
    ours = (event for event in events if event.job_id in (job_id, None) and event.name not in _ENDINGS)
    return next(ours, None)


async def reject_examples(services: Services, status: Status, tenant: str) -> list[str]:
    """The newest reject of each of the most frequent classes, in a line."""
    place = Place(tenant, Collection.REJECTS)
    ranked = sorted(status.rejects_by_class.items(), key=lambda item: -item[1])
    examples = []
    for reject_class, _ in ranked[:_EXAMPLES]:
        where = {"job_id": status.job_id, "reject_class": reject_class}
        page = await services.store.search(place, Query(where, sort="-at", limit=1))
        examples += [_example(RejectDocument.model_validate(hit.document)) for hit in page.hits]
    return examples


def _example(reject: RejectDocument) -> str:
    reason = " ".join(reject.reason.split())
    cut = reason if len(reason) <= _EXAMPLE_CHARACTERS else reason[: _EXAMPLE_CHARACTERS - 1] + "…"
    return " ".join(part for part in (reject.reject_class.value, reject_place(reject)) if part) + f": {cut}"


def reject_place(reject: RejectDocument) -> str:
    """The slot of a rejected try, or the place of a bad row in its file."""
    if reject.slot is not None:
        return f"slot {reject.slot}"
    if reject.lineage is None:
        return ""
    at = f"line {reject.lineage.line}" if reject.lineage.line else f"row {reject.lineage.row}"
    return f"{reject.lineage.source} {at}"


async def unfinished_jobs(services: Services, tenant: str) -> list[JobDocument]:
    """Jobs whose requests whoever runs services in this folder works on."""
    states = [state.value for state in RUNNING_STATES]
    await services.store.visible(jobs_of(tenant))
    return [
        JobDocument.model_validate(stored.document)
        async for stored in services.store.scan(jobs_of(tenant), {"state": states})
    ]


async def earlier_records(services: Services, tenant: str, dataset: str, job_id: str) -> int:
    """Records of the dataset that other jobs made."""
    place = Place(tenant, Collection.RECORDS, dataset)
    await services.store.visible(place)
    return await services.store.count(place) - await services.store.count(place, {"job_id": job_id})


async def notices(services: Services, job: JobDocument, out: Path) -> list[str]:
    """What a user may not expect of these folders before a job begins."""
    found = []
    file = out / f"{job.dataset}.jsonl"
    if file.exists() and not job.outputs:
        found.append(f"{file} is there already, from another job; this one's files will replace it")
    earlier = await earlier_records(services, job.tenant, job.dataset, job.job_id)
    if earlier:
        found.append(
            f"dataset {job.dataset} holds {words.counted(earlier, 'record')} of earlier jobs "
            f"{whereabouts(services.settings)}; a record with the same content counts as a duplicate"
        )
    if services.settings.profile is Profile.STACK:
        return found
    for other in await unfinished_jobs(services, job.tenant):
        if other.job_id != job.job_id:
            name = words.short(other.job_id)
            found.append(
                f"job {name} ({other.dataset}) of this folder is unfinished too and goes on with it; "
                f"`synthmill cancel {name}` stops it"
            )
    return found
