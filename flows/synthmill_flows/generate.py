"""The flow that brings one job from its order to its release; it watches the work and does none of it.

It may be stopped, retried or started twice at any moment: the job document says what is done (design laws 2 and 10).
"""

import asyncio

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import TerminationSignal
from prefect.runtime import flow_run

from synthmill.runs.prefect import FLOW
from synthmill.services import Services
from synthmill_flows.bringing import bring
from synthmill_flows.current import run_services
from synthmill_flows.hooks import note_crash, pass_on_cancel
from synthmill_flows.identity import Run, run_of
from synthmill_flows.parameters import GenerateParameters
from synthmill_flows.wishes import pass_on


def run_name() -> str:
    """How a run is listed: by the job or recipe that it was given."""
    order = flow_run.get_parameters().get("order")
    given = order if isinstance(order, GenerateParameters) else GenerateParameters.model_validate(order or {})
    return f"generate {given.job_id or given.recipe or flow_run.get_id()}"


@flow(name=FLOW, flow_run_name=run_name, on_cancellation=[pass_on_cancel], on_crashed=[note_crash])
async def generate_dataset(order: GenerateParameters) -> State[None]:
    """Generates the records of a job, checks them, puts them before the gate and releases them.

    Cancel stops the job; Retry goes on with it, whatever stopped it, and repeats nothing that is there. Suspend pauses
    it, Resume goes on.

    Args:
        order: What to generate, or which job to go on with.
    """
    async with run_services() as services:
        run = _this_run(services)
        try:
            return await bring(services, run, order)
        except (asyncio.CancelledError, TerminationSignal):
            await pass_on(services, run)
            raise


def _this_run(services: Services) -> Run:
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise AssertionError("generate_dataset runs as a flow, not as a plain function")
    return run_of(context.flow_run, context.parameters or {}, services.settings)
