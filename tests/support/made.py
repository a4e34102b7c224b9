"""A job as worker and consumer leave it, made without them."""

from collections.abc import Mapping, Sequence
from typing import Any

from synthmill.jobs.documents import change_job
from synthmill.jobs.order import JobOrder
from synthmill.jobs.submit import stage
from synthmill.ports.records import Collection, Place, Write, WriteMode
from synthmill.recipes.compile import recompile
from synthmill.services import Services
from synthmill_schemas.job import JobDocument, JobState
from synthmill_schemas.slot import SlotDocument
from tests.support.jobs import accepted, recipe


async def made_job(
    services: Services,
    data: Sequence[Mapping[str, Any]] = (),
    *,
    job_id: str = "job-1",
    state: JobState = JobState.COMPLETED,
    records: int | None = None,
    first_slot: int = 0,
) -> JobDocument:
    """A job in `state` whose slots from `first_slot` on are accepted with `data`; it may be made again with others."""
    tenant = services.settings.tenant
    job = await stage(services, JobOrder(tenant, job_id, recipe()))
    await services.store.ensure_dataset(tenant, job.dataset, recompile(job.recipe).record_schema, job_id=job_id)
    slots = [accepted(job_id, slot, tenant=tenant, data=dict(row)) for slot, row in enumerate(data, first_slot)]
    await put_slots(services, *slots)
    changes = {"state": state, "records": records if records is not None else len(data)}
    return (await change_job(services.store, tenant, job_id, lambda _: changes)).document


async def put_slots(services: Services, *slots: SlotDocument) -> None:
    """Writes slots as the consumer would."""
    writes = [
        Write(
            Place(slot.tenant, Collection.SLOTS, slot.dataset),
            slot.record_id,
            slot.model_dump(mode="json"),
            WriteMode.RANKED,
            slot.rank,
        )
        for slot in slots
    ]
    if writes:
        await services.store.bulk(writes)


def poems(count: int) -> list[dict[str, str]]:
    """The data of so many records."""
    return [{"colour": "red" if number % 2 else "blue", "poem": f"poem {number} ü"} for number in range(count)]
