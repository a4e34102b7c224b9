"""The steps of a run in their order: stage → claim → publish → track → check → gate → release → export → clean up."""

from dataclasses import dataclass
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import Abort, Pause
from prefect.flow_runs import asuspend_flow_run

from synthmill.jobs.documents import get_job
from synthmill.jobs.drive import has_outcome
from synthmill.jobs.judging import Judgement
from synthmill.jobs.status import Status, job_status
from synthmill.services import Services
from synthmill_flows.again import Beginning, beginning_of, go_on
from synthmill_flows.announcing import announce_end, announce_start
from synthmill_flows.claim import Claimant, ClaimLost, claimed
from synthmill_flows.display import attempt
from synthmill_flows.ending import blocked_state, final_state
from synthmill_flows.gating import judge
from synthmill_flows.identity import Run
from synthmill_flows.leaving import SUSPENDED_SECONDS, leave_if_replaced
from synthmill_flows.parameters import GenerateParameters
from synthmill_flows.patience import outlasting, until_prefect_listens
from synthmill_flows.progress import Shown
from synthmill_flows.report import publish_report
from synthmill_flows.tasks import check_job, clean_up_job, export_job, follow_job, publish_job, stage_job
from synthmill_flows.wishes import pass_on
from synthmill_schemas.job import RUNNING_STATES, JobState

_HEALTH_SECONDS = 2.0


async def bring(services: Services, run: Run, order: GenerateParameters) -> State[None]:
    """Does what is left to do for the run's job, and answers the run's last state; waits out what is away."""
    retry = _Retry()
    try:
        return await outlasting(lambda: _bring(services, run, order, retry), services.settings.job.outage_seconds)
    except ClaimLost as lost:
        raise Abort(str(lost)) from lost  # leaves the run's state to the process that has it now


@dataclass(slots=True)
class _Retry:
    """A person's Retry raises the round once, however often what follows is done again."""

    heeded: bool = False


async def _bring(services: Services, run: Run, order: GenerateParameters, retry: _Retry) -> State[None]:
    await stage_job(run, order)
    claimant = Claimant(services, run.tenant, run.job_id, run.flow_run_id)
    async with claimed(claimant, watch=Shown(run.job_id).on_status):
        beginning = await attempt(beginning_of(run.flow_run_id), "why this run began") or Beginning.FIRST
        if beginning is Beginning.BY_A_PERSON and not retry.heeded:
            await go_on(services, run)
            retry.heeded = True
        await publish_job(run.tenant, run.job_id)
        job = (await get_job(services.store, run.tenant, run.job_id)).document
        announce_start(run, job.dataset, job.round, again=beginning is not Beginning.FIRST)
        status = await follow_job(services, run)
        ended = await _finish(services, run, order, status)
        # a state that cannot be told now would be lost, and the run would seem to go on for ever
        await until_prefect_listens(_HEALTH_SECONDS)
        if status.state is JobState.PAUSED:
            await _suspend(services, run, status)
    return ended


async def _finish(services: Services, run: Run, order: GenerateParameters, status: Status) -> State[None]:
    """What a job at rest still needs."""
    judged = Judgement()
    if has_outcome(status):
        await check_job(run.tenant, run.job_id)
        judged = await judge(services, run, status, allow_parked=order.allow_parked)
        if order.out:
            await export_job(run.tenant, run.job_id, order.out)
        await clean_up_job(run.tenant, run.job_id)
    status = await job_status(services.store, run.tenant, run.job_id)
    await publish_report(services, run, status, judged)
    announce_end(run, status, judged)
    if judged.blocked and judged.gate is not None:
        return blocked_state(status, judged.gate)
    return final_state(status, allow_parked=order.allow_parked)


async def _suspend(services: Services, run: Run, status: Status) -> None:
    """Leaves the process: a run of a deployment is started again by Resume; another cannot be, and ends as failed.

    The claim is still held: a run that runs and holds none is taken for lost.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None or context.flow_run.deployment_id is None:
        return
    await leave_if_replaced(await pass_on(services, run))
    try:
        await asuspend_flow_run(timeout=SUSPENDED_SECONDS, key=f"round-{status.round}")
    except Pause:
        await _go_on_if_resumed(services, run)
        raise
    except RuntimeError as error:  # so it says that the run is not running any more
        raise Abort(str(error)) from error


async def _go_on_if_resumed(services: Services, run: Run) -> None:
    """Whoever resumed the job before its run was suspended found the run running, and had nothing to tell Prefect."""
    job = (await get_job(services.store, run.tenant, run.job_id)).document
    if job.state in RUNNING_STATES:
        async with get_client() as client:
            await client.resume_flow_run(UUID(run.flow_run_id))
