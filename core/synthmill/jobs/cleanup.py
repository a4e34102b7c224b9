"""Deletes a job's temporary files once nothing can need them again (design law 5)."""

from synthmill.jobs.documents import Changes, change_job, get_job
from synthmill.jobs.files import input_prefix
from synthmill.jobs.refresh import nothing_to_make
from synthmill.services import Services
from synthmill_schemas.job import JobDocument


async def delete_temporary_files(services: Services, tenant: str, job_id: str) -> int:
    """Deletes the uploaded files if all their seeds are stored; answers how many files went."""
    job = (await get_job(services.store, tenant, job_id)).document
    if not inputs_are_seeds(job):
        return 0
    deleted = await services.objects.delete_prefix(input_prefix(tenant, job_id))
    await mark_deleted(services, tenant, job_id)
    return deleted


async def mark_deleted(services: Services, tenant: str, job_id: str) -> None:
    """Says in the job that its files are gone."""
    await change_job(services.store, tenant, job_id, _mark)


def inputs_are_seeds(job: JobDocument) -> bool:
    """Whether every source has its lasting form, so that later rounds read seeds and never the file."""
    planned = job.records is not None or nothing_to_make(job)
    return planned and all(source.seed_set is not None for source in job.sources)


def _mark(job: JobDocument) -> Changes | None:
    return None if job.temporary_files == "deleted" else {"temporary_files": "deleted"}
