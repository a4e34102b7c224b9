"""The gate and the release as steps of a run; `synthmill.jobs.judging` says what becomes of them.

This alone imports the gate, and only when it runs: a flow's start must not pay for it.
"""

from synthmill.jobs.judging import Judgement, Steps
from synthmill.jobs.judging import judge as judge_job
from synthmill.jobs.release import Release, release
from synthmill.jobs.status import Status
from synthmill.services import Services
from synthmill_flows.current import services
from synthmill_flows.identity import Run
from synthmill_flows.patience import patient
from synthmill_schemas.gate_report import GateReport


@patient
async def gate_job(tenant: str, job_id: str) -> GateReport:
    """Puts the records before the recipe's expectations; the report is stored whatever it says."""
    from synthmill_flows.gate.run import run_gate

    return await run_gate(services(), tenant, job_id)


@patient
async def release_job(tenant: str, job_id: str) -> Release:
    """Makes the records the next version of their dataset, unless they are."""
    return await release(services(), tenant, job_id)


async def judge(open_: Services, run: Run, status: Status, *, allow_parked: bool) -> Judgement:
    """What the gate found, and the release, if there is one; done again unharmed."""
    return await judge_job(open_, run.tenant, status, Steps(gate_job, release_job), allow_parked=allow_parked)
