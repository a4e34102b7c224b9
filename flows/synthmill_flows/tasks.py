"""The steps of a run, each a Prefect task over one function of `synthmill.jobs`; records are never tasks.

A task may be repeated at any time: what is done is decided by the job document. `stage_job` and `publish_job` keep
their result as well, so that a retried run skips them without a look; they never retry by themselves, so that they can
stand in a `transaction()`, which would roll back.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import INPUTS, NO_CACHE, RUN_ID
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

from synthmill.errors import UserError
from synthmill.jobs.check import CheckReport
from synthmill.jobs.cleanup import delete_temporary_files
from synthmill.jobs.documents import find_job
from synthmill.jobs.drive import checked
from synthmill.jobs.export import export
from synthmill.jobs.order import JobOrder, input_file
from synthmill.jobs.status import Status
from synthmill.jobs.submit import publish, stage
from synthmill.jobs.track import track
from synthmill.recipes import Overrides, load_recipe
from synthmill_flows.current import services
from synthmill_flows.progress import artifact_progress, both, event_progress

P = ParamSpec("P")
R = TypeVar("R")

_RETRIES = 5  # with a back-off of 2, 4, 8, 16 and 32 s: a restart of a store or broker


async def retriable(_: Task[..., Any], __: TaskRun, state: State[Any]) -> bool:
    """Whether the task's error says that the same call may succeed later."""
    outcome: object = await state.aresult(raise_on_failure=False)
    return bool(getattr(outcome, "retriable", False))


def patient(step: Callable[P, R]) -> Task[P, R]:
    """A task that waits out a store or broker that is away, and is done anew in every run."""
    return task(
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=_RETRIES,
        retry_delay_seconds=exponential_backoff(backoff_factor=2),
        retry_jitter_factor=0.5,
        retry_condition_fn=retriable,
    )(step)


@task(persist_result=True, result_serializer="json", cache_policy=INPUTS + RUN_ID)
async def stage_job(tenant: str, job_id: str, recipe: str | None, inputs: list[str], records: int | None) -> str:
    """Puts the inputs into the object store and creates the job document, unless the job exists; its state."""
    found = await find_job(services().store, tenant, job_id)
    if found is not None and recipe is None:
        return found.document.state.value
    if recipe is None:
        raise UserError(f"there is no job {job_id!r} for tenant {tenant!r}, and no recipe to make it from")
    compiled = load_recipe(Path(recipe), Overrides(records=records))
    order = JobOrder(tenant, job_id, compiled, [input_file(Path(path)) for path in inputs])
    return (await stage(services(), order)).state.value


@task(persist_result=True, result_serializer="json", cache_policy=INPUTS + RUN_ID)
async def publish_job(tenant: str, job_id: str) -> str:
    """Sends the job's message unless that is done; returns after the broker's confirm."""
    return (await publish(services(), tenant, job_id, by="flow")).state.value


@patient
async def track_job(tenant: str, job_id: str) -> Status:
    """Follows the job until it rests and moves it on between rounds; there is no deadline, work is never given up."""
    store = services().store
    on_status = both(artifact_progress(job_id), event_progress(store, tenant, job_id))
    return await track(services(), tenant, job_id, on_status)


@patient
async def check_job(tenant: str, job_id: str) -> CheckReport:
    """Reads every slot: exactly N, all valid, none twice; raises `CheckFailed` otherwise."""
    return await checked(services(), tenant, job_id)


@patient
async def export_job(tenant: str, job_id: str, out: str) -> list[str]:
    """Writes the files unless they are there; their paths."""
    return [output.path for output in await export(services(), tenant, job_id, Path(out))]


@patient
async def clean_up_job(tenant: str, job_id: str) -> int:
    """Deletes the uploaded files once their seeds are stored; how many."""
    return await delete_temporary_files(services(), tenant, job_id)
