"""From checked records to a release: the gate judges them, and only what passes becomes a version.

This alone imports the gate, and only when it runs: a flow's start must not pay for it.
"""

from dataclasses import dataclass

from synthmill.jobs.documents import get_job
from synthmill.jobs.gate_reports import gate_wanted
from synthmill.jobs.release import Release, release
from synthmill.jobs.status import Status
from synthmill.services import Services
from synthmill_flows.current import services
from synthmill_flows.identity import Run
from synthmill_flows.patience import patient
from synthmill_schemas.gate_report import GateReport, Verdict
from synthmill_schemas.job import JobPurpose, JobState


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the gate found, where it ran, and the release, if there is one."""

    gate: GateReport | None = None
    release: Release | None = None

    @property
    def blocked(self) -> bool:
        """Whether the gate keeps the records from being released."""
        return self.gate is not None and self.gate.verdict is Verdict.BLOCKED


async def judge(open_: Services, run: Run, status: Status, *, allow_parked: bool) -> Judgement:
    """Nothing for a job that lacks records, or was a quote; each step is done again unharmed."""
    job = (await get_job(open_.store, run.tenant, run.job_id)).document
    parked = status.state is JobState.COMPLETED_WITH_PARKED and allow_parked
    if job.purpose is JobPurpose.QUOTE or not (parked or status.state is JobState.COMPLETED):
        return Judgement()
    gate = await gate_job(run.tenant, run.job_id) if gate_wanted(open_.settings, job.recipe) else None
    judged = Judgement(gate)
    return judged if judged.blocked else Judgement(gate, await release_job(run.tenant, run.job_id))


@patient
async def gate_job(tenant: str, job_id: str) -> GateReport:
    """Puts the records before the recipe's expectations; the report is stored whatever it says."""
    from synthmill_flows.gate.run import run_gate

    return await run_gate(services(), tenant, job_id)


@patient
async def release_job(tenant: str, job_id: str) -> Release:
    """Makes the records the next version of their dataset, unless they are."""
    return await release(services(), tenant, job_id)
