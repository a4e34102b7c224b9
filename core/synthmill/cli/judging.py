"""The gate and the release of a job that the command line ends, so that they do not depend on the door it came by.

A flow run that has the job does both, and is waited for. Without one, because no Prefect server is named, it is away,
or no worker of it is free, they are done here: the same functions on the same records, so that a run which comes later
finds them done.
"""

from synthmill.jobs.drive import Judge
from synthmill.jobs.judging import Judgement, Steps, judge, judged_before
from synthmill.jobs.release import Release, release
from synthmill.jobs.status import Status
from synthmill.runs.awaiting import until_run_left
from synthmill.services import Services
from synthmill_schemas.gate_report import GateReport


def judging(services: Services, tenant: str) -> Judge:
    """The judgement of a job of this tenant."""

    async def gate(_: str, job_id: str) -> GateReport:
        from synthmill_flows.gate.run import run_gate  # 7 s of processor time, which a run of Prefect mostly spares us

        return await run_gate(services, tenant, job_id)

    async def release_it(_: str, job_id: str) -> Release:
        return await release(services, tenant, job_id, by="cli")

    async def judgement(status: Status) -> Judgement:
        await until_run_left(services, tenant, status.job_id)
        found = await judged_before(services, tenant, status)

        async def known(_: str, job_id: str) -> GateReport:
            return found or await gate(tenant, job_id)

        return await judge(services, tenant, status, Steps(known, release_it), allow_parked=False)

    return judgement
