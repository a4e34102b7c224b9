"""How a job is carried out, and who is told how it stands."""

from dataclasses import dataclass
from pathlib import Path

from synthmill.cli.display import Display
from synthmill.cli.look import last_warning
from synthmill.jobs.status import Status
from synthmill.jobs.track import OnStatus
from synthmill.services import Services
from synthmill_schemas.base import now
from synthmill_schemas.job import JobDocument


@dataclass(frozen=True, slots=True)
class Course:
    """Where the job's files go, and whether it goes without Prefect."""

    job: JobDocument
    out: Path
    direct: bool


def teller(services: Services, course: Course, display: Display) -> OnStatus:
    """Shows each status with the last warning since now."""
    started = now()

    async def tell(status: Status) -> None:
        display.show(status, await last_warning(services, course.job.tenant, status.job_id, started))

    return tell
