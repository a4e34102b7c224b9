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

from synthmill.jobs.check import CheckReport
from synthmill.jobs.cleanup import delete_temporary_files
from synthmill.jobs.documents import find_job
from synthmill.jobs.drive import checked
from synthmill.jobs.export import export
from synthmill.jobs.status import Status
from synthmill.jobs.submit import publish, stage
from synthmill.jobs.track import ClosePace, Pace, track
from synthmill.settings import Profile
from synthmill_flows.current import services
from synthmill_flows.identity import Run
from synthmill_flows.ordering import order_of
from synthmill_flows.pace import FlowPace
from synthmill_flows.parameters import GenerateParameters
from synthmill_flows.progress import all_of, artifact_progress, event_progress
from synthmill_flows.stalling import telling_of
from synthmill_flows.wishes import heeding

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
async def stage_job(run: Run, order: GenerateParameters) -> str:
    """Puts the inputs into the object store and creates the job document, unless the job exists; its state."""
    found = await find_job(services().store, run.tenant, run.job_id)
    if found is not None and (not order.recipe or found.document.flow_run_id == run.flow_run_id):
        return found.document.state.value
    return (await stage(services(), await order_of(services(), run, order))).state.value


@task(persist_result=True, result_serializer="json", cache_policy=INPUTS + RUN_ID)
async def publish_job(tenant: str, job_id: str) -> str:
    """Sends the job's message unless that is done; returns after the broker's confirm."""
    return (await publish(services(), tenant, job_id, by="flow")).state.value


@patient
async def track_job(run: Run) -> Status:
    """Follows the job until it rests and moves it on between rounds; there is no deadline, work is never given up."""
    open_ = services()
    shown = artifact_progress(run.job_id)
    on_status = all_of(shown.on_status, event_progress(open_.store, run.tenant, run.job_id), heeding(open_, run))
    return await track(
        open_, run.tenant, run.job_id, on_status, pace=_pace(open_.settings.profile), on_stall=telling_of(shown)
    )


def _pace(profile: Profile) -> Pace:
    """A store in this machine's file can be asked often; a cluster that others share cannot."""
    return FlowPace() if profile is Profile.STACK else ClosePace()


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
