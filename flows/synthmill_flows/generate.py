"""The flow that brings one job from its order to its files; it watches the work and does none of it.

It may be stopped, retried or started twice at any moment: the job document says what is done (design laws 2 and 10).
"""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.runtime import flow_run
from pydantic import Field

from synthmill.jobs.drive import has_outcome
from synthmill.jobs.status import job_status
from synthmill_flows.claim import Claimant, claimed
from synthmill_flows.current import run_services
from synthmill_flows.ending import final_state
from synthmill_flows.identity import job_id_of
from synthmill_flows.progress import artifact_progress
from synthmill_flows.report import publish_report
from synthmill_flows.tasks import check_job, clean_up_job, export_job, publish_job, stage_job, track_job
from synthmill_schemas.base import DEFAULT_TENANT, JobId, Name

Records = Annotated[int, Field(ge=1, le=100_000_000)]
Inputs = Annotated[list[str], Field(max_length=1_000)]

_NO_INPUTS: list[str] = []


def run_name() -> str:
    """How a run is listed: by the job or recipe that it was given."""
    given = flow_run.get_parameters()
    return f"generate {given.get('job_id') or given.get('recipe') or flow_run.get_id()}"


@flow(name="generate-dataset", flow_run_name=run_name)
async def generate_dataset(
    job_id: JobId | None = None,
    tenant: Name = DEFAULT_TENANT,
    recipe: str | None = None,
    inputs: Inputs = _NO_INPUTS,
    records: Records | None = None,
    out: str = "out",
) -> State[None]:
    """Generates the records of a job, checks them and writes them to files.

    Args:
        job_id: The job to run or to go on with. Default: a new job with the id of this flow run.
        tenant: Whose job it is.
        recipe: Path of the recipe; not needed for a job that exists.
        inputs: Paths of the files to generate from.
        records: How many records, instead of the recipe's number.
        out: Folder for the files.
    """
    run_id, job = _this_run()
    async with run_services() as services:
        await stage_job(tenant, job, recipe, inputs, records)
        await publish_job(tenant, job)
        async with claimed(Claimant(services, tenant, job, run_id), watch=artifact_progress(job)):
            status = await track_job(tenant, job)
            if has_outcome(status):
                await check_job(tenant, job)
                await export_job(tenant, job, out)
                await clean_up_job(tenant, job)
            status = await job_status(services.store, tenant, job)
            await publish_report(status)
    return final_state(status)


def _this_run() -> tuple[str, str]:
    """The ids of this flow run and of its job."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise AssertionError("generate_dataset runs as a flow, not as a plain function")
    return str(context.flow_run.id), job_id_of(context.flow_run, context.parameters or {})
