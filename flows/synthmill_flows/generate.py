"""The flow that brings one job from its order to its release; it watches the work and does none of it.

It may be stopped, retried or started twice at any moment: the job document says what is done (design laws 2 and 10).
"""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from synthmill.runs.prefect import FLOW
from synthmill.services import Services
from synthmill_flows.bringing import bring
from synthmill_flows.hooks import note_crash, pass_on_cancel
from synthmill_flows.identity import Run
from synthmill_flows.naming import given
from synthmill_flows.parameters import GenerateParameters
from synthmill_flows.standing import standing_for_a_job


def run_name() -> str:
    """How a run is listed: by the job or recipe that it was given."""
    order = given(GenerateParameters)
    return f"generate {order.job_id or order.recipe or flow_run.get_id()}"


@flow(name=FLOW, flow_run_name=run_name, on_cancellation=[pass_on_cancel], on_crashed=[note_crash])
async def generate_dataset(order: GenerateParameters) -> State[None]:
    """Generates the records of a job, checks them, puts them before the gate and releases them.

    Cancel stops the job; Retry goes on with it, whatever stopped it, and repeats nothing that is there. Suspend pauses
    it, Resume goes on.

    Args:
        order: What to generate, or which job to go on with.
    """

    async def work(services: Services, run: Run) -> State[None]:
        return await bring(services, run, order)

    return await standing_for_a_job(work)
