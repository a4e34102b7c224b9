"""A job from start to end without Prefect: the steps that the flow wraps, in the same order."""

from dataclasses import dataclass
from pathlib import Path

from synthmill.errors import SynthmillError
from synthmill.jobs.check import CheckReport, check
from synthmill.jobs.cleanup import delete_temporary_files
from synthmill.jobs.export import export
from synthmill.jobs.status import Status, job_status
from synthmill.jobs.submit import publish
from synthmill.jobs.track import OnStatus, track
from synthmill.services import Services
from synthmill_schemas.job import JobState


class CheckFailed(SynthmillError):
    """The finished dataset is not what was asked for; this is a defect, not a matter of retrying."""

    exit_code = 70  # EX_SOFTWARE of sysexits.h


@dataclass(frozen=True, slots=True)
class Finish:
    """How a job ended: its last status, and the check if there was something to check."""

    status: Status
    report: CheckReport | None


async def drive(services: Services, tenant: str, job_id: str, out: Path, on_status: OnStatus) -> Finish:
    """Publishes what is not published, follows the job, checks, exports and cleans up."""
    await publish(services, tenant, job_id)
    status = await track(services, tenant, job_id, on_status)
    return await finish(services, tenant, status, out)


async def finish(services: Services, tenant: str, status: Status, out: Path) -> Finish:
    """What is left to do when a job has come to rest."""
    if status.state not in (JobState.COMPLETED, JobState.COMPLETED_WITH_PARKED, JobState.FAILED):
        return Finish(status, None)
    if status.requested == 0:
        return Finish(status, None)  # failed before N was known: there is no slot to look at
    report = await check(services.store, tenant, status.job_id)
    if report.fault_count:
        raise CheckFailed(f"job {status.job_id} is not sound: " + "; ".join(report.faults))
    await export(services, tenant, status.job_id, out)
    await delete_temporary_files(services, tenant, status.job_id)
    return Finish(await job_status(services.store, tenant, status.job_id), report)
