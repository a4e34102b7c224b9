"""A finished job of every kind of column, for tests of the release gate; single records can be spoiled."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from synthmill.planning.tuples import TupleMaker
from synthmill.ports.records import Collection, Place, RecordStore, Write, WriteMode
from synthmill.recipes import CompiledRecipe, compile_recipe
from synthmill_schemas.ids import row_hash
from synthmill_schemas.job import JobDocument, JobState
from tests.support.jobs import TENANT, accepted, parked
from tests.support.recipes import llm, sampler

DATASET = "tickets"
RECORDS = 24
_BATCH = 1_000

Data = dict[str, Any]
Spoil = Callable[[Data], object]

COLUMNS: list[Data] = [
    sampler("id", "uuid"),
    sampler("country", "category", values=["DE", "FR", "US"], weights=[3, 2, 1], quota="exact"),
    sampler(
        "city", "subcategory", of="country", values={"DE": ["Bonn", "Ulm"], "FR": ["Lyon"], "US": ["Reno", "Erie"]}
    ),
    sampler("age", "gaussian", mean=40, stddev=5, low=18, high=90, decimals=0),
    sampler("price", "uniform", low=1, high=100, decimals=2),
    sampler("vip", "bernoulli", p=0.5),
    sampler("opened", "datetime", start="2026-01-01", end="2026-02-01"),
    sampler("closed", "timedelta", after="opened", low=1, high=30),
    llm(
        "ticket",
        schema={
            "type": "object",
            "properties": {
                "subject": {"type": "string", "minLength": 5, "maxLength": 60, "pattern": "^Ticket"},
                "priority": {"enum": ["low", "high"]},
                "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3},
                "note": {"type": ["string", "null"]},
            },
        },
    ),
]


def recipe(**changes: object) -> CompiledRecipe:
    """The recipe; `changes` replace whole parts."""
    whole: Data = {
        "version": 1,
        "name": DATASET,
        "seed": 11,
        "target": {"records": RECORDS},
        "model": {"route": "offline/fake-1"},
        "columns": COLUMNS,
        **changes,
    }
    return compile_recipe(whole)


def records(compiled: CompiledRecipe, count: int) -> Iterator[Data]:
    """Sound records, as the samplers draw them, each with a text of its own."""
    maker = TupleMaker(compiled, compiled.recipe.target.records or count)
    for slot in range(count):
        yield {**maker.attributes(slot), "ticket": ticket(slot)}


def ticket(slot: int) -> Data:
    """What the model may have written for a slot."""
    return {"subject": f"Ticket number {slot}", "priority": "low", "tags": ["new"], "note": None}


async def finished_job(
    store: RecordStore,
    job_id: str,
    compiled: CompiledRecipe,
    spoil: Mapping[int, Spoil] | None = None,
    *,
    parked_slots: int = 0,
    tenant: str = TENANT,
) -> JobDocument:
    """Stores a job at rest with all its slots; `spoil` changes the data of slots in place."""
    count = compiled.recipe.target.records or 0
    state = JobState.COMPLETED_WITH_PARKED if parked_slots else JobState.COMPLETED
    job = JobDocument(
        tenant=tenant,
        job_id=job_id,
        dataset=DATASET,
        recipe=compiled.recipe,
        recipe_hash=compiled.recipe_hash,
        records=count,
        state=state,
    )
    place = Place(tenant, Collection.SLOTS, DATASET)
    writes = [Write(Place(tenant, Collection.JOBS), job_id, job.model_dump(mode="json"))]
    for slot, data in enumerate(records(compiled, count)):
        (spoil or {}).get(slot, lambda _: None)(data)
        if slot >= count - parked_slots:
            document = parked(job_id, slot)
        else:
            document = accepted(job_id, slot, data=data, content_hash=row_hash(data))
        dump = {**document.model_dump(mode="json"), "tenant": tenant, "dataset": DATASET}
        writes.append(Write(place, document.record_id, dump, WriteMode.RANKED, document.rank))
        if len(writes) == _BATCH:
            await store.bulk(writes)
            writes = []
    await store.bulk(writes)
    return job
