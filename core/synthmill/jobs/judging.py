"""From checked records to a release: the gate judges them, and only what passes becomes a version.

The same for a flow run and for a command line that brings a job to its end by itself; each gives its own steps.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from synthmill.errors import SynthmillError
from synthmill.jobs.documents import get_job
from synthmill.jobs.gate_reports import find_report, gate_wanted
from synthmill.jobs.release import Release
from synthmill.jobs.status import Status
from synthmill.services import Services
from synthmill_schemas.gate_report import GateReport, Verdict
from synthmill_schemas.job import JobPurpose, JobState


class GateBlocked(SynthmillError):
    """The records are there and are not released; `latest` of the dataset stays where it was."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the gate found, where it ran, and the release, if there is one."""

    gate: GateReport | None = None
    release: Release | None = None

    @property
    def blocked(self) -> bool:
        """Whether the gate keeps the records from being released."""
        return self.gate is not None and self.gate.verdict is Verdict.BLOCKED


@dataclass(frozen=True, slots=True)
class Steps:
    """How to run the gate and how to release; each takes tenant and job, and may be done again."""

    gate: Callable[[str, str], Awaitable[GateReport]]
    release: Callable[[str, str], Awaitable[Release]]


async def judge(services: Services, tenant: str, status: Status, steps: Steps, *, allow_parked: bool) -> Judgement:
    """Nothing for a job that lacks records, or was a quote."""
    job = (await get_job(services.store, tenant, status.job_id)).document
    parked = status.state is JobState.COMPLETED_WITH_PARKED and allow_parked
    if job.purpose is JobPurpose.QUOTE or not (parked or status.state is JobState.COMPLETED):
        return Judgement()
    gate = await steps.gate(tenant, status.job_id) if gate_wanted(services.settings, job.recipe) else None
    judged = Judgement(gate)
    return judged if judged.blocked else Judgement(gate, await steps.release(tenant, status.job_id))


async def judged_before(services: Services, tenant: str, status: Status) -> GateReport | None:
    """The gate's report on these very records: an accepted one never changes, so their number tells them."""
    report = await find_report(services.store, tenant, status.job_id)
    same = report is not None and (report.requested, report.records) == (status.requested, status.accepted)
    return report if same else None
