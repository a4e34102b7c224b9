"""`PATCH /v1/jobs/{job_id}` changes a job's caps, `GET /v1/jobs/{job_id}/budget` tells what it has spent."""

from fastapi import BackgroundTasks

from synthmill.jobs.account import find_account
from synthmill.jobs.caps import change_caps
from synthmill.runs.telling import tell_soon
from synthmill_api.auth.guard import Body, Work, guarded, guarded_router
from synthmill_api.auth.scopes import Scope
from synthmill_api.budgets.views import BudgetView, JobChange
from synthmill_api.dependencies import CallerHere, ServicesHere
from synthmill_api.errors import Code
from synthmill_api.jobs import service as jobs
from synthmill_api.jobs.endpoints import JobIdHere
from synthmill_api.jobs.views import Job

router = guarded_router("jobs")


@router.patch(
    "/jobs/{job_id}",
    operation_id="change_job",
    **guarded(
        Scope.JOBS_WRITE,
        Code.NOT_FOUND,
        Code.JOB_STATE,
        Code.PRICE_UNKNOWN,
        Code.BROKER_UNAVAILABLE,
        body=Body.JSON,
        work=Work.MORE,
    ),
)
async def change_job(
    services: ServicesHere, caller: CallerHere, after: BackgroundTasks, job_id: JobIdHere, request: JobChange
) -> Job:
    """Change what a job may spend. One that its budget paused goes on if there is room now.

    A cap below what is spent pauses a running job.
    """
    caps = request.model_dump(exclude_unset=True)
    async with jobs.moving(services, caller.tenant, job_id):
        document = await change_caps(services, caller.tenant, job_id, caps, by="api")
    after.add_task(tell_soon, services, caller.tenant, job_id)
    return Job.of(document, services.settings.prefect)


@router.get("/jobs/{job_id}/budget", operation_id="get_job_budget", **guarded(Scope.JOBS_READ, Code.NOT_FOUND))
async def get_job_budget(services: ServicesHere, caller: CallerHere, job_id: JobIdHere) -> BudgetView:
    """Tell a job's caps, and what its calls have taken and reserved."""
    document = await jobs.get(services, caller.tenant, job_id)
    return BudgetView.of(document, await find_account(services.store, caller.tenant, job_id))
