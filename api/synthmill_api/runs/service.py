"""Asks Prefect for a tenant; what Prefect says is told in our own codes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from synthmill import cursors
from synthmill.ports.records import Query
from synthmill.runs.prefect import PrefectAway, PrefectRefused, RunState
from synthmill.runs.recurring import NothingDeployed, Recurring, Refreshing, RunSeen, Schedule, recurring
from synthmill.services import Services
from synthmill_api.errors import Code, Refused
from synthmill_api.kit.pages import Paging
from synthmill_api.recipes import service as recipe_service
from synthmill_api.recipes.service import RecipeReference
from synthmill_api.runs.views import ScheduleRequest

_LIST = "runs"
_ORDER = Query(sort="runs")
_MOST = 200  # Prefect's own limit of a page


@asynccontextmanager
async def prefect_of(services: Services, tenant: str) -> AsyncIterator[Recurring]:
    """The tenant's part of Prefect; a 501 where there is none, a 503 while it is away."""
    settings = services.settings.prefect
    if settings.url is None:
        raise Refused(Code.NO_PREFECT, "this installation names no Prefect server")
    try:
        async with recurring(settings, tenant) as prefect:
            yield prefect
    except PrefectAway as error:
        raise Refused(Code.PREFECT_UNAVAILABLE, "Prefect, which keeps runs and schedules, cannot be reached") from error
    except NothingDeployed as error:
        raise Refused(Code.NO_PREFECT, str(error)) from error


async def start(services: Services, tenant: str, what: Refreshing, key: str | None) -> RunSeen:
    """A run of a refresh; a 404 when there is no such recipe."""
    await _require_recipe(services, tenant, what.recipe)
    async with prefect_of(services, tenant) as prefect:
        return await prefect.run_now(what, key)


async def run(services: Services, tenant: str, run_id: str) -> RunSeen:
    """The run, or a 404."""
    async with prefect_of(services, tenant) as prefect:
        found = await prefect.run(run_id)
    if found is None:
        raise Refused(Code.NOT_FOUND, f"there is no run {run_id}")
    return found


async def runs(
    services: Services, tenant: str, states: Sequence[RunState], paging: Paging
) -> tuple[list[RunSeen], int, str | None]:
    """A page of runs, how many there are, and where the next page begins."""
    offset, limit = _offset(paging.cursor), min(paging.limit, _MOST)
    async with prefect_of(services, tenant) as prefect:
        found, total = await prefect.runs(states, limit, offset)
    end = offset + len(found)
    return found, total, cursors.write(_ORDER, end, _LIST) if found and end < total else None


async def schedule(services: Services, tenant: str, wanted: ScheduleRequest) -> Schedule:
    """A new schedule; a 404 when there is no such recipe, a 422 for a clock that Prefect does not take."""
    await _require_recipe(services, tenant, wanted.recipe)
    async with prefect_of(services, tenant) as prefect:
        try:
            return await prefect.add_schedule(wanted.what, wanted.when)
        except PrefectRefused as error:
            raise Refused(Code.INVALID_REQUEST, f"Prefect does not take this schedule: cron {wanted.cron!r}") from error


async def schedules(services: Services, tenant: str) -> list[Schedule]:
    """All schedules."""
    async with prefect_of(services, tenant) as prefect:
        return await prefect.schedules()


async def found_schedule(services: Services, tenant: str, schedule_id: str) -> Schedule:
    """The schedule, or a 404."""
    async with prefect_of(services, tenant) as prefect:
        return await _found(prefect, schedule_id)


async def switch(services: Services, tenant: str, schedule_id: str, *, active: bool) -> Schedule:
    """The schedule as it is then."""
    async with prefect_of(services, tenant) as prefect:
        await prefect.switch(await _found(prefect, schedule_id), active=active)
        return await _found(prefect, schedule_id)


async def remove(services: Services, tenant: str, schedule_id: str) -> None:
    """Deletes it."""
    async with prefect_of(services, tenant) as prefect:
        await _found(prefect, schedule_id)
        await prefect.remove(schedule_id)


async def _found(prefect: Recurring, schedule_id: str) -> Schedule:
    found = await prefect.schedule(schedule_id)
    if found is None:
        raise Refused(Code.NOT_FOUND, f"there is no schedule {schedule_id}")
    return found


async def _require_recipe(services: Services, tenant: str, recipe: str) -> None:
    name, _, version = recipe.partition("@")
    await recipe_service.get(services, tenant, RecipeReference(name, int(version) if version else None))


def _offset(cursor: str | None) -> int:
    """Prefect has no cursors: ours hold how many runs came before."""
    if cursor is None:
        return 0
    read = cursors.read(replace(_ORDER, cursor=cursor))
    if read.id != _LIST or not isinstance(read.value, int) or read.value < 0:
        raise Refused(Code.INVALID_REQUEST, "this cursor is of no list of runs")
    return read.value
