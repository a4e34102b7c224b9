"""Indexes for the consumer's own tests: `python -m tests.support.elastic_place make|remove LOCATION`.

`make` prints the prefix of the indexes. Tenant `acme` has the dataset of `store_documents`, and the jobs `job-1` and
`job-2`, planned in round 2, are bound to it.
"""

import asyncio
import json
import sys

from synthmill.ports.records import Collection, Place, RecordStore, Write, WriteMode
from synthmill_schemas.job import JobDocument, JobState
from tests.support.jobs import recipe
from tests.support.stack import elastic_settings, elasticsearch, remove_indices
from tests.support.store_documents import DATASET, RECORD_SCHEMA

TENANT = "acme"


async def make(location: str) -> None:
    """Makes the indexes and the jobs in them."""
    async with elasticsearch(location) as store:
        for job_id in ("job-1", "job-2"):
            await store.ensure_dataset(TENANT, DATASET, RECORD_SCHEMA, job_id=job_id)
            await _put_job(store, job_id)
    print(elastic_settings(location).prefix)


async def _put_job(store: RecordStore, job_id: str) -> None:
    compiled = recipe()
    job = JobDocument(
        tenant=TENANT,
        job_id=job_id,
        dataset=DATASET,
        recipe=compiled.recipe,
        recipe_hash=compiled.recipe_hash,
        records=4,
        state=JobState.PLANNED,
        round=2,
    )
    document = json.loads(job.model_dump_json())
    await store.bulk([Write(Place(TENANT, Collection.JOBS), job_id, document, WriteMode.CREATE)])


if __name__ == "__main__":
    _, what, where = sys.argv
    asyncio.run({"make": make, "remove": remove_indices}[what](where))
