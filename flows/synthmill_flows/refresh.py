"""The recurring flow: reads its place again and pays for records of new and changed seeds only, as a new version."""

from prefect import flow, task
from prefect.cache_policies import INPUTS, RUN_ID
from prefect.client.schemas.objects import State
from prefect.states import Completed

from synthmill.catalog.locations import files_at
from synthmill.jobs.documents import find_job, get_job
from synthmill.jobs.order import JobOrder
from synthmill.jobs.refresh import require_refreshable
from synthmill.jobs.release import Release, ReleaseOutcome
from synthmill.jobs.rereading import read_before
from synthmill.jobs.submit import stage
from synthmill.services import Services
from synthmill_flows.bringing import bring
from synthmill_flows.current import services
from synthmill_flows.gating import release_job
from synthmill_flows.hooks import note_crash, pass_on_cancel
from synthmill_flows.identity import Run
from synthmill_flows.naming import given
from synthmill_flows.ordering import named_recipe
from synthmill_flows.parameters import GenerateParameters, RefreshParameters
from synthmill_flows.patience import outlasting
from synthmill_flows.standing import standing_for_a_job

UNCHANGED = "unchanged"
"""Instead of a job's state: no job was staged."""

NOTHING_NEW = "NothingNew"
"""How the state of a run is called that had nothing to pay for."""


def run_name() -> str:
    """How a run is listed: by its recipe."""
    return f"refresh {given(RefreshParameters).recipe}"


@task(persist_result=True, result_serializer="json", cache_policy=INPUTS + RUN_ID)
async def stage_refresh(run: Run, order: RefreshParameters) -> str:
    """Reads the place and stages a job over what is there, unless the job exists; its state, or `UNCHANGED`."""
    found = await find_job(services().store, run.tenant, run.job_id)
    if found is not None:
        return found.document.state.value
    recipe = await named_recipe(services(), run.tenant, order.recipe)
    require_refreshable(recipe)
    files = await files_at(services(), run.tenant, order.place, order.location)
    if await read_before(services().store, run.tenant, recipe, files) is not None:
        return UNCHANGED
    staged = JobOrder(run.tenant, run.job_id, recipe, files, refresh=True, flow_run_id=run.flow_run_id)
    return (await stage(services(), staged)).state.value


@flow(
    name="refresh-dataset",
    flow_run_name=run_name,
    on_cancellation=[pass_on_cancel],
    on_crashed=[note_crash],
)
async def refresh_dataset(order: RefreshParameters) -> State[None]:
    """Brings a dataset up to what its sources say now, and releases it as a new version.

    Rows that were there before cost nothing. A row that changed under its key takes the place of the old record; one
    that vanished stays, unless the recipe says `seeds.prune`. Without anything new there is no new version.

    Args:
        order: Which recipe, and where its rows are.
    """

    async def work(services: Services, run: Run) -> State[None]:
        patience = services.settings.job.outage_seconds
        if await outlasting(lambda: stage_refresh(run, order), patience) == UNCHANGED:
            return Completed(message="nothing new: the last refresh read these very files", name=NOTHING_NEW)
        follow = GenerateParameters(job_id=run.job_id, tenant=run.tenant, allow_parked=order.allow_parked)
        ended = await bring(services, run, follow)
        if not ended.is_completed():
            return ended
        released = await release_job(run.tenant, run.job_id)  # of a run that only prunes too; else it is done
        job = await get_job(services.store, run.tenant, run.job_id)
        return _ended(released, job.document.reason)

    return await standing_for_a_job(work)


def _ended(done: Release, reason: str | None) -> State[None]:
    """Completed, and what there is to read now; `reason` is what the job says when it had nothing to make."""
    if done.outcome is ReleaseOutcome.NOTHING_NEW:
        return Completed(message=reason or f"nothing new for {done.dataset}", name=NOTHING_NEW)
    counts = f"{done.records} records, {done.added} added, {done.ended} ended"
    return Completed(message=f"{done.dataset} version {done.version}: {counts}")
