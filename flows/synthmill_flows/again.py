"""Why a run begins: for the first time, by itself after its process died, or because a person retried it."""

from enum import StrEnum
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, StateType

from synthmill.jobs.documents import get_job, jobs_of
from synthmill.jobs.rounds import resume
from synthmill.jobs.status import job_status
from synthmill.runs.telling import CONTINUED
from synthmill.services import Services
from synthmill_flows.identity import Run
from synthmill_schemas.job import RESUMABLE_STATES


class Beginning(StrEnum):
    """What let the run begin."""

    FIRST = "first"
    BY_ITSELF = "by_itself"
    BY_A_PERSON = "by_a_person"


async def beginning_of(flow_run_id: str) -> Beginning:
    """Told by the states that the run went through."""
    async with get_client() as client:
        states = await client.read_flow_run_states(UUID(flow_run_id))
    return told_by(states)


def told_by(states: list[State]) -> Beginning:
    """The last time that it was scheduled decides; a run that has not run before is a first one."""
    in_order = sorted(states, key=lambda state: state.timestamp)
    last = max((at for at, state in enumerate(in_order) if state.type is StateType.SCHEDULED), default=0)
    if not any(state.type is StateType.RUNNING for state in in_order[:last]):
        return Beginning.FIRST
    by_itself = (in_order[last].message or "").startswith(CONTINUED)
    return Beginning.BY_ITSELF if by_itself else Beginning.BY_A_PERSON


async def go_on(services: Services, run: Run) -> None:
    """A person's Retry raises the round of a job that stopped, and lets its run go on by itself anew (law 4)."""
    job = await get_job(services.store, run.tenant, run.job_id)
    if job.document.continuations:
        await services.store.patch(jobs_of(run.tenant), run.job_id, {"continuations": 0}, expected=job.version)
    if job.document.state in RESUMABLE_STATES:
        status = await job_status(services.store, run.tenant, run.job_id)
        await resume(services, job.document, status, by="flow")
