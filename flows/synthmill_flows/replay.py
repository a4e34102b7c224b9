"""The flow that lets slots be tried again which were given up, and releases what comes of it."""

from prefect import flow, task
from prefect.cache_policies import INPUTS, RUN_ID
from prefect.client.schemas.objects import State
from prefect.states import Completed

from synthmill.jobs.replay import Replayed, ReplayOutcome
from synthmill.jobs.replay import replay_rejects as reopen_slots
from synthmill.services import Services
from synthmill_flows.bringing import bring
from synthmill_flows.current import services
from synthmill_flows.hooks import note_crash, pass_on_cancel
from synthmill_flows.identity import Run
from synthmill_flows.naming import given
from synthmill_flows.parameters import GenerateParameters, ReplayParameters
from synthmill_flows.patience import outlasting
from synthmill_flows.standing import standing_for_a_job
from synthmill_schemas.slot import RejectClass


def run_name() -> str:
    """How a run is listed: by its job."""
    return f"replay {given(ReplayParameters).job_id}"


@task(persist_result=True, cache_policy=INPUTS + RUN_ID)
async def reopen_job(run: Run, classes: list[RejectClass]) -> Replayed:
    """Raises the job's round for these slots; a retried run does not raise it again."""
    return await reopen_slots(services(), run.tenant, run.job_id, classes, by="flow")


@flow(
    name="replay-rejects",
    flow_run_name=run_name,
    on_cancellation=[pass_on_cancel],
    on_crashed=[note_crash],
)
async def replay_rejects(order: ReplayParameters) -> State[None]:
    """Tries slots of a job again that were exhausted or parked, and releases the dataset if it is whole then.

    Args:
        order: Which job, and which of its slots.
    """

    async def work(services: Services, run: Run) -> State[None]:
        patience = services.settings.job.outage_seconds
        replayed = await outlasting(lambda: reopen_job(run, order.classes), patience)
        if replayed.outcome is ReplayOutcome.NOTHING:
            wanted = ", ".join(order.classes) or "any class"
            return Completed(message=f"job {run.job_id} has no slot that was given up for {wanted}", name="NothingNew")
        follow = GenerateParameters(job_id=run.job_id, tenant=run.tenant, allow_parked=order.allow_parked)
        return await bring(services, run, follow)

    return await standing_for_a_job(work)
