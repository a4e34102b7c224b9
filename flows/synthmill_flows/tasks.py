"""The steps of a run, each a Prefect task over one function of `synthmill.jobs`; records are never tasks.

A task may be repeated at any time: what is done is decided by the job document. `stage_job` and `publish_job` keep
their result as well, so that a retried run skips them without a look; they never retry by themselves, so that they can
stand in a `transaction()`, which would roll back.
"""

from pathlib import Path

from prefect import task
from prefect.cache_policies import INPUTS, RUN_ID

from synthmill.jobs.check import CheckReport
from synthmill.jobs.cleanup import delete_temporary_files
from synthmill.jobs.documents import find_job
from synthmill.jobs.drive import checked
from synthmill.jobs.export import export
from synthmill.jobs.status import Status
from synthmill.jobs.submit import publish, stage
from synthmill.jobs.track import track
from synthmill.services import Services
from synthmill.settings import Profile
from synthmill_flows.current import services
from synthmill_flows.identity import Run
from synthmill_flows.leaving import leave_if_replaced
from synthmill_flows.looking import SparingLook
from synthmill_flows.ordering import order_of
from synthmill_flows.pace import FlowPace
from synthmill_flows.parameters import GenerateParameters
from synthmill_flows.patience import patient
from synthmill_flows.progress import Shown, all_of, event_progress
from synthmill_flows.stalling import telling_of
from synthmill_flows.wishes import Replaced, heeding, pass_on


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
    """Follows the job until it rests and moves it on between rounds; there is no deadline, work is never given up.

    The status of a job that still runs, when this process does not carry the run on any more.
    """
    open_ = services()
    shown = Shown(run.job_id)
    on_status = all_of(shown.on_status, event_progress(open_.store, run.tenant, run.job_id), heeding(open_, run))
    on_stall = telling_of(run, shown)
    try:
        if open_.settings.profile is Profile.EMBEDDED:  # a store in this machine's file can be asked often
            return await track(open_, run.tenant, run.job_id, on_status, on_stall=on_stall)
        look = SparingLook(open_.store, run.tenant, run.job_id)
        return await track(open_, run.tenant, run.job_id, on_status, pace=FlowPace(), on_stall=on_stall, look=look)
    except Replaced as replaced:  # a signal of Prefect's would leave this task's run in the state Running
        return replaced.status


async def follow_job(services: Services, run: Run) -> Status:
    """The job's status at rest; ends this process' part in the run when it is another's before."""
    while (status := await track_job(run)).running:
        await leave_if_replaced(await pass_on(services, run))
    return status


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
