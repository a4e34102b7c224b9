"""A job from start to end without Prefect: the steps that the flow wraps, in the same order."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from synthmill.errors import SynthmillError
from synthmill.jobs.check import CheckReport, check
from synthmill.jobs.cleanup import delete_temporary_files
from synthmill.jobs.export import export
from synthmill.jobs.judging import GateBlocked, Judgement
from synthmill.jobs.status import Status, job_status
from synthmill.jobs.submit import publish
from synthmill.jobs.track import OnStatus, track
from synthmill.services import Services
from synthmill_schemas.job import JobState

Judge = Callable[[Status], Awaitable[Judgement]]
"""Puts a job at rest before the gate and releases it, or learns that its flow run did."""


class CheckFailed(SynthmillError):
    """The finished dataset is not what was asked for; this is a defect, not a matter of retrying."""

    exit_code = 70  # EX_SOFTWARE of sysexits.h


@dataclass(frozen=True, slots=True)
class Finish:
    """How a job ended: its last status, and the check and the judgement if there was something to check."""

    status: Status
    report: CheckReport | None
    judged: Judgement


async def drive(services: Services, tenant: str, job_id: str, out: Path, on_status: OnStatus, judge: Judge) -> Finish:
    """Publishes what is not published, follows the job, checks, judges, exports and cleans up."""
    await publish(services, tenant, job_id)
    status = await track(services, tenant, job_id, on_status)
    return await finish(services, tenant, status, out, judge)


async def finish(services: Services, tenant: str, status: Status, out: Path, judge: Judge) -> Finish:
    """What is left to do when a job has come to rest; `GateBlocked` at the very end when it is not released."""
    if not has_outcome(status):
        return Finish(status, None, Judgement())
    report = await checked(services, tenant, status.job_id)
    judged = await judge(status)
    await export(services, tenant, status.job_id, out)
    await delete_temporary_files(services, tenant, status.job_id)
    if judged.blocked and judged.gate is not None:
        raise GateBlocked(
            f"{status.dataset} is not released: {judged.gate.reason or 'the gate blocks it'}\n"
            f"The records stay; what the gate found: synthmill gate {status.job_id}"
        )
    return Finish(await job_status(services.store, tenant, status.job_id), report, judged)


def has_outcome(status: Status) -> bool:
    """Whether a job at rest has slots to check and export; one that failed before N was known has none."""
    ended = status.state in (JobState.COMPLETED, JobState.COMPLETED_WITH_PARKED, JobState.FAILED)
    return ended and status.requested > 0


async def checked(services: Services, tenant: str, job_id: str) -> CheckReport:
    """The check's report, or `CheckFailed` with the faults."""
    report = await check(services.store, tenant, job_id)
    if report.fault_count:
        raise CheckFailed(f"job {job_id} is not sound: " + "; ".join(report.faults))
    return report
