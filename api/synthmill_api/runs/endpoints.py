"""`/v1/runs` and `/v1/schedules`: refreshes now and by the clock, and how runs stand."""

from typing import Annotated
from uuid import UUID

from fastapi import Header, Path, Query, Response

from synthmill.runs.prefect import RunState
from synthmill_api.auth.guard import Body, Work, guarded, guarded_router
from synthmill_api.auth.scopes import Scope
from synthmill_api.dependencies import CallerHere, ServicesHere
from synthmill_api.errors import Code
from synthmill_api.kit.pages import Listing, PagingHere
from synthmill_api.runs import service
from synthmill_api.runs.views import RefreshRequest, Run, ScheduleRequest, ScheduleView

router = guarded_router("runs")

RunId = Annotated[UUID, Path(description="as Prefect has it")]
ScheduleId = Annotated[UUID, Path(description="as Prefect has it")]
_PREFECT = (Code.NO_PREFECT, Code.PREFECT_UNAVAILABLE)
_KEY = "makes the request safe to repeat: the same key is the same run"


@router.post(
    "/runs",
    operation_id="start_run",
    status_code=202,
    **guarded(Scope.JOBS_WRITE, Code.NOT_FOUND, *_PREFECT, body=Body.JSON, work=Work.MORE),
)
async def start_run(
    response: Response,
    services: ServicesHere,
    caller: CallerHere,
    request: RefreshRequest,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255, description=_KEY)] = None,
) -> Run:
    """Refresh a dataset from the newest upload of its source; only new and changed rows cost anything."""
    run = await service.start(services, caller.tenant, request.what, idempotency_key)
    response.headers["Location"] = f"/v1/runs/{run.id}"
    return Run.of(run, services.settings.prefect)


@router.get("/runs", operation_id="list_runs", **guarded(Scope.JOBS_READ, *_PREFECT))
async def list_runs(
    services: ServicesHere,
    caller: CallerHere,
    paging: PagingHere,
    state: Annotated[list[RunState] | None, Query(description="only runs in one of these states")] = None,
) -> Listing[Run]:
    """List runs, of jobs and of refreshes, the newest first; at most 200 a page."""
    found, total, cursor = await service.runs(services, caller.tenant, state or (), paging)
    items = [Run.of(run, services.settings.prefect) for run in found]
    return Listing(items=items, total=total, cursor=cursor)


@router.get("/runs/{run_id}", operation_id="get_run", **guarded(Scope.JOBS_READ, Code.NOT_FOUND, *_PREFECT))
async def get_run(services: ServicesHere, caller: CallerHere, run_id: RunId) -> Run:
    """Look at a run; cancel and resume it through its job."""
    return Run.of(await service.run(services, caller.tenant, str(run_id)), services.settings.prefect)


@router.post(
    "/schedules",
    operation_id="create_schedule",
    status_code=201,
    **guarded(Scope.JOBS_WRITE, Code.NOT_FOUND, *_PREFECT, body=Body.JSON, work=Work.MORE),
)
async def create_schedule(
    response: Response, services: ServicesHere, caller: CallerHere, request: ScheduleRequest
) -> ScheduleView:
    """Have a dataset refreshed by the clock; while one refresh lasts, the next is left out."""
    made = await service.schedule(services, caller.tenant, request)
    response.headers["Location"] = f"/v1/schedules/{made.id}"
    return ScheduleView.of(made)


@router.get("/schedules", operation_id="list_schedules", **guarded(Scope.JOBS_READ, *_PREFECT))
async def list_schedules(services: ServicesHere, caller: CallerHere) -> Listing[ScheduleView]:
    """List schedules, the oldest first, all on one page."""
    items = [ScheduleView.of(each) for each in await service.schedules(services, caller.tenant)]
    return Listing(items=items, total=len(items), cursor=None)


@router.get(
    "/schedules/{schedule_id}",
    operation_id="get_schedule",
    **guarded(Scope.JOBS_READ, Code.NOT_FOUND, *_PREFECT),
)
async def get_schedule(services: ServicesHere, caller: CallerHere, schedule_id: ScheduleId) -> ScheduleView:
    """Look at a schedule."""
    return ScheduleView.of(await service.found_schedule(services, caller.tenant, str(schedule_id)))


@router.post(
    "/schedules/{schedule_id}/pause",
    operation_id="pause_schedule",
    **guarded(Scope.JOBS_WRITE, Code.NOT_FOUND, *_PREFECT),
)
async def pause_schedule(services: ServicesHere, caller: CallerHere, schedule_id: ScheduleId) -> ScheduleView:
    """Let a schedule rest: no further runs of it begin."""
    return ScheduleView.of(await service.switch(services, caller.tenant, str(schedule_id), active=False))


@router.post(
    "/schedules/{schedule_id}/resume",
    operation_id="resume_schedule",
    **guarded(Scope.JOBS_WRITE, Code.NOT_FOUND, *_PREFECT),
)
async def resume_schedule(services: ServicesHere, caller: CallerHere, schedule_id: ScheduleId) -> ScheduleView:
    """Let a schedule go on; what it left out is not made up for."""
    return ScheduleView.of(await service.switch(services, caller.tenant, str(schedule_id), active=True))


@router.delete(
    "/schedules/{schedule_id}",
    operation_id="delete_schedule",
    status_code=204,
    **guarded(Scope.JOBS_WRITE, Code.NOT_FOUND, *_PREFECT),
)
async def delete_schedule(services: ServicesHere, caller: CallerHere, schedule_id: ScheduleId) -> None:
    """Delete a schedule; a run that began goes on."""
    await service.remove(services, caller.tenant, str(schedule_id))
