"""`/v1/jobs`: make, list, follow, cancel and resume jobs."""

from typing import Annotated

from fastapi import BackgroundTasks, Depends, Header, Path, Response

from synthmill.ports.records import Query as StoreQuery
from synthmill.runs.telling import tell_soon
from synthmill_api.auth.guard import Body, Work, guarded, guarded_router
from synthmill_api.auth.scopes import Scope
from synthmill_api.dependencies import CallerHere, ConfigHere, QuotasHere, ServicesHere
from synthmill_api.errors import Code
from synthmill_api.jobs import service
from synthmill_api.jobs.changes import ExtendRequest, Retry, RetryRequest
from synthmill_api.jobs.filters import JobFilter
from synthmill_api.jobs.service import Creation
from synthmill_api.jobs.views import Job, JobDetail, JobRequest
from synthmill_api.kit.pages import Listing, PagingHere
from synthmill_schemas.job import JobDocument

router = guarded_router("jobs")

JobIdHere = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
_KEY = "makes the request safe to repeat: the same key and body are the same job or quote, another body is a 409"
IdempotencyKeyHere = Annotated[str | None, Header(min_length=1, max_length=255, description=_KEY)]


@router.post(
    "/jobs",
    operation_id="create_job",
    status_code=202,
    **guarded(
        Scope.JOBS_WRITE,
        Code.NOT_FOUND,
        Code.IDEMPOTENCY_KEY_REUSED,
        Code.SOURCE_GONE,
        Code.RECIPE_INVALID,
        Code.INPUT_UNUSABLE,
        Code.BROKER_UNAVAILABLE,
        Code.OBJECT_STORE_UNAVAILABLE,
        Code.STORAGE_FULL,
        body=Body.JSON,
        work=Work.NEW_JOB,
    ),
)
async def create_job(
    response: Response,
    services: ServicesHere,
    config: ConfigHere,
    caller: CallerHere,
    quotas: QuotasHere,
    after: BackgroundTasks,
    request: JobRequest,
    idempotency_key: IdempotencyKeyHere = None,
) -> Job:
    """Order a dataset; the answer comes when the broker has confirmed the job."""
    document = await service.create(
        services, config, Creation(caller, request, idempotency_key, await quotas.left(caller.tenant))
    )
    response.headers["Location"] = f"/v1/jobs/{document.job_id}"
    after.add_task(tell_soon, services, caller.tenant, document.job_id)
    return Job.of(document, services.settings.prefect)


@router.get("/jobs", operation_id="list_jobs", **guarded(Scope.JOBS_READ))
async def list_jobs(
    services: ServicesHere, caller: CallerHere, paging: PagingHere, wanted: Annotated[JobFilter, Depends()]
) -> Listing[Job]:
    """List jobs, by default the newest first.

    The small jobs of quotes are left out unless `purpose` asks for them; each is got by its id as any other job.
    """
    query = StoreQuery(wanted.where, wanted.words, wanted.sort, limit=paging.limit, cursor=paging.cursor)
    page = await service.page(services, caller.tenant, query)
    items = [Job.of(JobDocument.model_validate(hit.document), services.settings.prefect) for hit in page.hits]
    return Listing(items=items, total=page.total, cursor=page.cursor)


@router.get("/jobs/{job_id}", operation_id="get_job", **guarded(Scope.JOBS_READ, Code.NOT_FOUND))
async def get_job(services: ServicesHere, caller: CallerHere, job_id: JobIdHere) -> JobDetail:
    """Follow a job: requested = accepted + exhausted + parked + pending."""
    document, status, progress = await service.counted(services, caller.tenant, job_id)
    return JobDetail.told(document, status, progress, services.settings.prefect)


@router.post(
    "/jobs/{job_id}/cancel", operation_id="cancel_job", **guarded(Scope.JOBS_WRITE, Code.NOT_FOUND, Code.JOB_STATE)
)
async def cancel_job(services: ServicesHere, caller: CallerHere, after: BackgroundTasks, job_id: JobIdHere) -> Job:
    """Stop a job: calls in flight end, no new ones begin, what is accepted stays."""
    after.add_task(tell_soon, services, caller.tenant, job_id)
    return Job.of(await service.cancel(services, caller.tenant, job_id), services.settings.prefect)


@router.post(
    "/jobs/{job_id}/pause", operation_id="pause_job", **guarded(Scope.JOBS_WRITE, Code.NOT_FOUND, Code.JOB_STATE)
)
async def pause_job(services: ServicesHere, caller: CallerHere, job_id: JobIdHere) -> Job:
    """Pause a job: as cancelled, but meant to go on; its flow run is suspended."""
    return Job.of(await service.pause(services, caller.tenant, job_id), services.settings.prefect)


@router.post(
    "/jobs/{job_id}/resume",
    operation_id="resume_job",
    status_code=202,
    **guarded(Scope.JOBS_WRITE, Code.NOT_FOUND, Code.JOB_STATE, Code.BROKER_UNAVAILABLE, work=Work.MORE),
)
async def resume_job(services: ServicesHere, caller: CallerHere, after: BackgroundTasks, job_id: JobIdHere) -> Job:
    """Go on with a job that stopped; only slots without an accepted record are worked on."""
    after.add_task(tell_soon, services, caller.tenant, job_id)
    return Job.of(await service.resume(services, caller.tenant, job_id), services.settings.prefect)


@router.post(
    "/jobs/{job_id}/extend",
    operation_id="extend_job",
    status_code=202,
    **guarded(
        Scope.JOBS_WRITE,
        Code.NOT_FOUND,
        Code.JOB_STATE,
        Code.INPUT_UNUSABLE,
        Code.RECIPE_INVALID,
        Code.BROKER_UNAVAILABLE,
        body=Body.JSON,
        work=Work.MORE,
    ),
)
async def extend_job(
    services: ServicesHere, caller: CallerHere, after: BackgroundTasks, job_id: JobIdHere, request: ExtendRequest
) -> Job:
    """Give a job more records: those it has stay as they are, and only the new ones are made.

    It may run, rest or have completed. What of it was released stays; the new records are in the next version.
    """
    document = await service.extend(services, caller.tenant, job_id, request.records)
    after.add_task(tell_soon, services, caller.tenant, job_id)
    return Job.of(document, services.settings.prefect)


@router.post(
    "/jobs/{job_id}/retry",
    operation_id="retry_job",
    status_code=202,
    **guarded(
        Scope.JOBS_WRITE,
        Code.NOT_FOUND,
        Code.JOB_STATE,
        Code.RECIPE_INVALID,
        Code.BROKER_UNAVAILABLE,
        body=Body.JSON,
        work=Work.MORE,
    ),
)
async def retry_job(
    services: ServicesHere,
    config: ConfigHere,
    caller: CallerHere,
    after: BackgroundTasks,
    job_id: JobIdHere,
    request: RetryRequest,
) -> Retry:
    """Try slots again that were given up, chosen by class, as before or by another model or other prompts.

    Accepted records stay as they are, and so does what a record is: its columns and their schemas.
    """
    replayed, document = await service.retry(services, config, caller.tenant, job_id, request)
    after.add_task(tell_soon, services, caller.tenant, job_id)
    return Retry.of(replayed, document, services.settings.prefect)
