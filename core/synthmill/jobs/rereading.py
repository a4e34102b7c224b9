"""Tells a recurring run that the last one read these very uploads: there is nothing to do, and no file needed.

Uploads are deleted after their retention, and a schedule may come round more often than a new one.
"""

from collections.abc import Sequence

from synthmill.jobs.documents import jobs_of
from synthmill.jobs.order import InputFile
from synthmill.jobs.refresh import nothing_to_make
from synthmill.jobs.release.documents import version_of_job
from synthmill.ports.records import Query, RecordStore
from synthmill.recipes.compiled import CompiledRecipe
from synthmill_schemas.job import JobDocument, JobState

_LOOKED_AT = 20  # jobs of the dataset, the newest first


async def read_before(
    store: RecordStore, tenant: str, recipe: CompiledRecipe, files: Sequence[InputFile]
) -> JobDocument | None:
    """The last refresh of the dataset, if it read just these files by this recipe and what it made is released."""
    place = jobs_of(tenant)
    await store.visible(place)
    query = Query({"dataset": recipe.recipe.name}, sort="-created_at", limit=_LOOKED_AT)
    jobs = [JobDocument.model_validate(hit.document) for hit in (await store.search(place, query)).hits]
    last = next((job for job in jobs if job.refresh is not None), None)
    if last is None or last.state is not JobState.COMPLETED or last.recipe_hash != recipe.recipe_hash:
        return None
    if {(source.key, source.sha256) for source in last.sources} != {(file.name, file.sha256) for file in files}:
        return None
    done = nothing_to_make(last) or await version_of_job(store, tenant, last.job_id) is not None
    return last if done else None
