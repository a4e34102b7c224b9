"""Another round for slots that were given up, chosen by why: a person thinks that they can be mended now (law 4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from synthmill.dead_letters.reopen import By, reopen
from synthmill.errors import UserError
from synthmill.jobs.documents import get_job
from synthmill.jobs.revise import NO_CHANGE, Change, is_in_force, revised
from synthmill.ports.records import Collection, Place, RecordStore, Where
from synthmill.runs.wishes import Wish, wanted
from synthmill.services import Services
from synthmill_schemas.job import RUNNING_STATES, JobDocument, JobState
from synthmill_schemas.slot import RejectClass, SlotState


class ReplayOutcome(StrEnum):
    """What a replay came to."""

    REPLAYED = "replayed"  # the slots are tried again, in `round`
    ALREADY = "already"  # a replay of this job is under way; `round` is its
    NOTHING = "nothing"  # no slot was given up for such a reason


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many slots are tried again, and in which round."""

    outcome: ReplayOutcome
    slots: int
    round: int


async def replay_rejects(
    services: Services,
    tenant: str,
    job_id: str,
    classes: Sequence[RejectClass] = (),
    *,
    by: By,
    change: Change = NO_CHANGE,
) -> Replayed:
    """Opens exhausted and parked slots whose last reject is of one of these classes, or of any; others stay closed.

    `change`: another model or other prompts from that round on. Raises, before anything is changed, `RecipeInvalid`
    with all its faults, and `UserError` for a job that runs, was stopped by a person, or has no tries left.
    """
    job = (await get_job(services.store, tenant, job_id)).document
    if not change.nothing:
        revised(job, change)
    if job.state in RUNNING_STATES:
        if job.round_scope == "replayed" and is_in_force(job, change):
            return Replayed(ReplayOutcome.ALREADY, 0, job.round)
        raise UserError(f"job {job_id} is {job.state} in round {job.round}: wait until it rests, then replay")
    if job.state is JobState.CREATED:
        raise UserError(f"job {job_id} was never published: there is nothing to replay")
    slots = await given_up(services.store, job, classes)
    if not slots:
        return Replayed(ReplayOutcome.NOTHING, 0, job.round)
    after = await reopen(services, tenant, job_id, slots, by=by, change=change)
    if by != "flow":  # a run that ended with the rejects goes on
        await services.store.bulk(wanted(services.settings, Wish.CONTINUE, tenant, job_id))
    return Replayed(ReplayOutcome.REPLAYED, len(slots), after.round)


async def given_up(store: RecordStore, job: JobDocument, classes: Sequence[RejectClass]) -> list[int]:
    """Slots of the job that are exhausted or parked for one of these reasons, in order."""
    place = Place(job.tenant, Collection.SLOTS, job.dataset)
    where: Where = {"job_id": job.job_id, "state": [SlotState.EXHAUSTED.value, SlotState.PARKED.value]}
    if classes:
        where = {**where, "reject_class": [each.value for each in classes]}
    await store.visible(place)
    return [stored.document["slot"] async for stored in store.scan(place, where, sort="slot")]
