"""What the last refresh paid for and the gate did not release is not paid for again by the next one.

Its records lie in the dataset unreleased. Where the new job has a slot of the same seed, the same attributes and the
same recipe (but for the gate), the record becomes that slot's: whoever asks a model leaves accepted slots out. The new
job's gate judges all of them anew.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import islice

from synthmill.jobs.documents import jobs_of
from synthmill.jobs.events import Service, say
from synthmill.jobs.refresh import compiled_for, seed_sets
from synthmill.jobs.release.documents import version_of_job
from synthmill.planning.requests import Planner
from synthmill.planning.seeds import SeedSpace, resolve_records
from synthmill.ports.records import Collection, Place, Query, Where, Write, WriteMode
from synthmill.services import Services
from synthmill_schemas.base import now
from synthmill_schemas.generation import RequestSlot
from synthmill_schemas.ids import canonical_json, record_id
from synthmill_schemas.job import JobDocument, JobState, Lease
from synthmill_schemas.recipe import Recipe
from synthmill_schemas.seed import SeedDocument
from synthmill_schemas.slot import SlotDocument, SlotState

_AT_A_TIME = 500  # slots
_LOOKED_AT = 20  # jobs of the dataset, the newest first


async def reuse_unreleased(services: Services, job: JobDocument, *, by: Service) -> int:
    """Fills slots of a refresh from the one before it, if that was not released; how many. The seeds are chosen.

    Done before the first request is planned, and unharmed done again. It takes two searches for each 500 slots.
    """
    if job.refresh is None or job.round > 1 or job.checkpoint is not None:
        return 0
    earlier = await _unreleased(services, job)
    if earlier is None:
        return 0
    compiled = compiled_for(job)
    space = SeedSpace(seed_sets(job), compiled.recipe.seeds, compiled.recipe.seed)
    records = job.records or resolve_records(compiled, space)
    await services.store.ensure_dataset(job.tenant, job.dataset, compiled.record_schema, job_id=job.job_id)
    planner, slots, reused = Planner(compiled, job.tenant, job.job_id, records, space), iter(range(records)), 0
    await services.store.visible(Place(job.tenant, Collection.SLOTS, job.dataset))
    while block := list(islice(slots, _AT_A_TIME)):
        wanted = await _wanted(services, job, planner, block)
        reused += await _fill(services, job, wanted, await _records(services, earlier, wanted))
    await _say(services, job, earlier, reused, by)
    return reused


async def _unreleased(services: Services, job: JobDocument) -> JobDocument | None:
    """The refresh before this one, when it completed against the same version and none shows its records."""
    query = Query({"dataset": job.dataset}, sort="-created_at", limit=_LOOKED_AT)
    await services.store.visible(jobs_of(job.tenant))
    found = (await services.store.search(jobs_of(job.tenant), query)).hits
    jobs = [JobDocument.model_validate(hit.document) for hit in found]
    last = next((each for each in jobs if each.refresh is not None and each.job_id != job.job_id), None)
    if last is None or last.state is not JobState.COMPLETED or _is_held(last.flow) or last.created_at > job.created_at:
        return None
    if last.revisions or _generation(last.recipe) != _generation(job.recipe) or _base(last) != _base(job):
        return None
    return None if await version_of_job(services.store, job.tenant, last.job_id) else last


def _base(job: JobDocument) -> int | None:
    return None if job.refresh is None else job.refresh.base


def _is_held(flow: Lease | None) -> bool:
    """Whether a run is about to judge and perhaps to release it."""
    return flow is not None and flow.expires_at > now()


def _generation(recipe: Recipe) -> Recipe:
    """All of a recipe that says how its records are made."""
    return recipe.model_copy(update={"gate": None})


async def _wanted(
    services: Services, job: JobDocument, planner: Planner, slots: Sequence[int]
) -> dict[str, list[RequestSlot]]:
    """The slots by their seeds, with their attributes."""
    stored = await services.store.get_many(Place(job.tenant, Collection.INPUTS), planner.addresses(slots))
    seeds = {each.id: SeedDocument.model_validate(each.document) for each in stored if each is not None}
    request = planner.request(1, slots, seeds).request
    wanted: dict[str, list[RequestSlot]] = defaultdict(list)
    for slot in request.slots if request is not None else []:
        if slot.seed_id is not None:
            wanted[slot.seed_id].append(slot)
    return wanted


async def _records(
    services: Services, earlier: JobDocument, wanted: dict[str, list[RequestSlot]]
) -> dict[str, list[SlotDocument]]:
    """What the earlier job made of these seeds, by seed and attributes."""
    place = Place(earlier.tenant, Collection.SLOTS, earlier.dataset)
    where: Where = {"job_id": earlier.job_id, "state": SlotState.ACCEPTED.value, "seed_id": list(wanted)}
    made: dict[str, list[SlotDocument]] = defaultdict(list)
    if wanted:
        async for stored in services.store.scan(place, where, sort="slot"):
            slot = SlotDocument.model_validate(stored.document)
            made[_same(slot.seed_id, slot.attributes)].append(slot)
    return made


def _same(seed_id: str | None, attributes: object) -> str:
    return f"{seed_id}\n{canonical_json(attributes)}"


async def _fill(
    services: Services, job: JobDocument, wanted: dict[str, list[RequestSlot]], made: dict[str, list[SlotDocument]]
) -> int:
    writes = []
    for slot in (each for slots in wanted.values() for each in slots):
        found = made[_same(slot.seed_id, slot.attributes)]
        if found:
            own = {"job_id": job.job_id, "record_id": record_id(job.job_id, slot.slot), "slot": slot.slot, "round": 1}
            document = found.pop(0).model_copy(update={**own, "lineage": slot.lineage, "since": None, "until": None})
            body, place = document.model_dump(mode="json"), Place(job.tenant, Collection.SLOTS, job.dataset)
            writes.append(Write(place, document.record_id, body, WriteMode.RANKED, document.rank))
    if writes:
        await services.store.bulk(writes)
    return len(writes)


async def _say(services: Services, job: JobDocument, earlier: JobDocument, reused: int, by: Service) -> None:
    await say(
        services.store,
        by,
        "refresh.reused",
        f"job {job.job_id}: {reused} records are those of job {earlier.job_id}, which was not released",
        tenant=job.tenant,
        job_id=job.job_id,
        fields={"from": earlier.job_id, "records": reused},
        event_id=f"{job.job_id}-reused",
    )
