"""What every flow does whose run stands for a job: open the services, know the job, pass a cancel on."""

import asyncio
from collections.abc import Awaitable, Callable

from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import Pause, TerminationSignal

from synthmill.services import Services
from synthmill_flows.current import run_services
from synthmill_flows.display import attempt
from synthmill_flows.identity import Run, run_of
from synthmill_flows.leaving import let_resume
from synthmill_flows.wishes import pass_on

Work = Callable[[Services, Run], Awaitable[State[None]]]


async def standing_for_a_job(work: Work) -> State[None]:
    """Does the work for this run's job; when the run is cancelled meanwhile, so is the job."""
    async with run_services() as services:
        run = _this_run(services)
        try:
            return await work(services, run)
        except (asyncio.CancelledError, TerminationSignal):
            await pass_on(services, run)
            raise
        except Pause:
            await attempt(let_resume(run.flow_run_id), "how this run is resumed")
            raise


def _this_run(services: Services) -> Run:
    """The flow run that we are in, and its job."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise AssertionError("this is done in a flow's run")
    return run_of(context.flow_run, context.parameters or {}, services.settings)
