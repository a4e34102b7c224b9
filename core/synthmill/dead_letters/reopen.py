"""Lets slots that were given up be tried again, without touching any other slot of their job.

A parked document outranks all of its round (design law 1), and the consumer serves no request of a round that is not
the job's (law 4). So the slots are first marked exhausted in a round that nobody ever works in, and then the job is
raised to the round behind it, whose scope is just these marks. Every step can be repeated, and each is in the store.
"""

from collections.abc import Sequence
from typing import Literal

from synthmill.errors import UserError
from synthmill.jobs.documents import Changes, change_job, get_job
from synthmill.jobs.revise import NO_CHANGE, Change, revised, revision
from synthmill.jobs.rounds import REPLAY_ROUNDS, attempts_allowed
from synthmill.jobs.status import count_job
from synthmill.jobs.submit import publish
from synthmill.ports.records import Collection, Place, Stored, Write, WriteMode
from synthmill.services import Services
from synthmill_schemas.base import now
from synthmill_schemas.ids import record_id
from synthmill_schemas.job import JobDocument, JobState, Revision
from synthmill_schemas.slot import RejectClass, SlotDocument, SlotState

By = Literal["cli", "api", "flow"]

_STOPPED = frozenset({JobState.CANCELLED, JobState.PAUSED})


async def open_documents(services: Services, job: JobDocument, slots: Sequence[int]) -> list[Stored | None]:
    """Of the slots those that are not accepted: their documents, None for one that has none yet."""
    place = Place(job.tenant, Collection.SLOTS, job.dataset)
    found = await services.store.get_many(place, [record_id(job.job_id, slot) for slot in slots])
    return [stored for stored in found if stored is None or stored.document["state"] != SlotState.ACCEPTED]


async def reopen(
    services: Services, tenant: str, job_id: str, slots: Sequence[int], *, by: By, change: Change = NO_CHANGE
) -> JobDocument:
    """The job, in a round in which these slots are tried again; `UserError` when it was stopped or has no tries left.

    Slots of other requests that are still open go along, since theirs are of the round before. `change`: what is
    different from that round on; `RecipeInvalid` with all faults when it cannot be.
    """
    while True:
        job = (await get_job(services.store, tenant, job_id)).document
        require_going(job)
        revisions = _revisions(job, change, by)
        closed = [stored for stored in await open_documents(services, job, slots) if stored is not None]
        attempts = await _attempts(services, job, len(closed))
        await _mark(services, job, closed)
        raised = await _raise(services, job, attempts, revisions)
        if raised:
            return await publish(services, tenant, job_id, by=by)


def require_going(job: JobDocument) -> None:
    """Refuses to start again what a person stopped."""
    if job.state in _STOPPED:
        raise UserError(f"job {job.job_id} is {job.state}: `synthmill resume` it first, then replay its letters")


async def _attempts(services: Services, job: JobDocument, slots: int) -> int:
    status = await count_job(services.store, job)
    attempts = attempts_allowed(job.recipe.target, candidates=status.candidates, open_slots=slots + status.pending)
    if attempts < 1:
        raise UserError(
            f"job {job.job_id} has used {status.candidates} of max_candidates {job.recipe.target.max_candidates}: "
            "its slots cannot be tried again; raise it in the recipe and start a new job"
        )
    return attempts


async def _mark(services: Services, job: JobDocument, closed: Sequence[Stored]) -> None:
    place = Place(job.tenant, Collection.SLOTS, job.dataset)
    marks = [_marked(job, SlotDocument.model_validate(stored.document)) for stored in closed]
    if marks:
        await services.store.bulk(
            [Write(place, m.record_id, m.model_dump(mode="json"), WriteMode.RANKED, m.rank) for m in marks]
        )


def _marked(job: JobDocument, slot: SlotDocument) -> SlotDocument:
    told = {
        "state": SlotState.EXHAUSTED,
        "round": job.round + 1,
        "reject_class": RejectClass.PROVIDER,  # a class that another try can mend
        "reason": f"to be tried again; before: {slot.reason}",
        "written_at": now(),
    }
    return slot.model_copy(update=told)


def _revisions(job: JobDocument, change: Change, by: By) -> list[Revision]:
    if change.nothing:
        return job.revisions
    return [*job.revisions, revision(job, change, revised(job, change), from_round=job.round + REPLAY_ROUNDS, by=by)]


async def _raise(services: Services, job: JobDocument, attempts: int, revisions: list[Revision]) -> bool:
    """Whether the job went from the round that we saw to the one that we want."""
    wanted = job.round + REPLAY_ROUNDS

    def decide(current: JobDocument) -> Changes | None:
        if current.round != job.round or current.state is not job.state:
            return None
        return {
            "round": wanted,
            "round_scope": "replayed",
            "revisions": revisions,
            "max_attempts": attempts,
            "state": JobState.PUBLISHING,
            "checkpoint": None,
            "reason": None,
        }

    after = (await change_job(services.store, job.tenant, job.job_id, decide)).document
    return after.round == wanted and after.round_scope == "replayed"
