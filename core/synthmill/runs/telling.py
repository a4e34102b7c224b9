"""Tells Prefect what is noted about a job: create its run, cancel it, let it go on."""

import logging

from synthmill.errors import SynthmillError, VersionConflict
from synthmill.jobs.documents import find_job, get_job, jobs_of
from synthmill.jobs.tenants import known_tenants
from synthmill.runs.prefect import FlowRun, PrefectRefused, PrefectRest, RunState, prefect_rest
from synthmill.runs.wishes import Noted, Wish, find_wish, fulfil, open_wishes
from synthmill.services import Services

logger = logging.getLogger(__name__)

CONTINUED = "continued by synthmill"
"""How the message begins of every state by which a run goes on by itself; a person's Retry has another."""


async def tell_soon(services: Services, tenant: str, job_id: str) -> None:
    """Tells what is noted, if Prefect answers; else reconcile will. Never raises for Prefect's sake."""
    if services.settings.prefect.url is None:
        return
    try:
        noted = await find_wish(services.store, tenant, job_id)
        if noted is not None and noted.wish is not Wish.NOTHING:
            async with prefect_rest(services.settings.prefect) as prefect:
                await tell(services, prefect, tenant, noted)
    except SynthmillError as error:
        logger.warning("Prefect is told later about job %s: %s", job_id, error)


async def tell_all(services: Services, prefect: PrefectRest) -> int:
    """Tells everything that is noted; how much was told."""
    told = 0
    for tenant in await known_tenants(services.store):
        async for noted in open_wishes(services.store, tenant):
            try:
                await tell(services, prefect, tenant, noted)
                told += 1
            except PrefectRefused as error:
                logger.warning("job %s: %s", noted.job_id, error)
    return told


async def tell(services: Services, prefect: PrefectRest, tenant: str, noted: Noted) -> None:
    """Tells one wish; telling it twice does nothing more."""
    found = await find_job(services.store, tenant, noted.job_id)
    if found is None:
        return  # it is being staged
    run_id = found.document.flow_run_id
    match noted.wish:
        case Wish.CREATE | Wish.CONTINUE if run_id is None:
            extended = len(found.document.earlier_records)
            run = await prefect.create(tenant, noted.job_id, extended=extended)
            await _name_run(services, tenant, noted.job_id, run)
        case Wish.CANCEL if run_id is not None:
            await prefect.set_state(run_id, RunState.CANCELLING, "the job was cancelled")
        case Wish.CONTINUE if run_id is not None:
            await go_on(prefect, run_id, f"{CONTINUED}: the job was resumed")
    await fulfil(services.store, tenant, noted)


async def go_on(prefect: PrefectRest, run_id: str, message: str) -> None:
    """Lets a run that ended or is suspended go on in the same run; one that is under way is left as it is."""
    run = await prefect.find(run_id)
    if run is None or run.state in _UNDER_WAY:
        return
    if run.state is RunState.PAUSED and run.rescheduled:
        going = await prefect.resume(run_id)
    else:
        going = await prefect.set_state(run_id, RunState.SCHEDULED, message, name="AwaitingRetry")
    if not going:
        raise PrefectRefused(f"Prefect does not let run {run_id} go on, which is {run.state}")


async def _name_run(services: Services, tenant: str, job_id: str, run: FlowRun) -> None:
    # Not by change_job: that sets updated_at, which tells when the job ended.
    while (job := await get_job(services.store, tenant, job_id)).document.flow_run_id is None:
        try:
            await services.store.patch(jobs_of(tenant), job_id, {"flow_run_id": run.id}, expected=job.version)
        except VersionConflict:
            continue


_UNDER_WAY = frozenset(
    {RunState.SCHEDULED, RunState.PENDING, RunState.RUNNING, RunState.CANCELLING, RunState.COMPLETED}
)
"""A completed one saw the job's end: it was told to go on before, though the answer was lost."""
