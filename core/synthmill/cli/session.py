"""A job from its first line to its summary, as `run` and `resume` do it."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from synthmill.cli import consoles
from synthmill.cli.boundary import complain
from synthmill.cli.conduct import conduct
from synthmill.cli.course import Course
from synthmill.cli.display import Display, open_display
from synthmill.cli.interrupts import Interrupted, Interrupts, listening
from synthmill.cli.look import notices, reject_examples
from synthmill.cli.summary import as_json, summary
from synthmill.cli.words import short
from synthmill.errors import Retriable, SynthmillError, UserError
from synthmill.jobs.judging import GateBlocked
from synthmill.jobs.status import Status, job_status
from synthmill.runs.telling import tell_soon
from synthmill.services import Services, open_services
from synthmill.settings import Profile, Settings
from synthmill_schemas.job import JobDocument, JobState

Begin = Callable[[Services], Awaitable[JobDocument]]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked for: `out` is a folder for the files, if one was named."""

    out: Path | None
    direct: bool
    json: bool


async def session(settings: Settings, begin: Begin, wishes: Wishes) -> int:
    """Begins a job, conducts it, reports; answers the exit code: 0 only if all N records are there."""
    async with open_services(settings) as services, listening() as interrupts:
        job = await begin(services)
        await tell_soon(services, job.tenant, job.job_id)
        course = Course(job, wishes.out or out_folder(job), wishes.direct)
        with open_display(consoles.err()) as display:
            conducting = asyncio.create_task(_conducted(services, course, display, interrupts))
            leaving = asyncio.create_task(interrupts.second.wait())
            await asyncio.wait({conducting, leaving}, return_when=asyncio.FIRST_COMPLETED)
        left = not conducting.done()
        failure = Interrupted("left", interrupts.exit_code) if left else conducting.exception()
        leaving.cancel()
        status = await job_status(services.store, job.tenant, job.job_id)
        code = await _report(services, job.tenant, status, failure, wishes)
        if left:
            sys.stdout.flush()
            os._exit(code)  # the services notice that we are gone and drain by themselves
        return code


def out_folder(job: JobDocument) -> Path:
    """Where the job's files go: as its labels say, so that every resume finds the same folder."""
    return Path(str(job.labels.get("out") or default_out(job.dataset, job.job_id)))


def default_out(dataset: str, job_id: str) -> Path:
    """A folder of its own for each job, below where we are."""
    return Path("out") / f"{dataset}-{short(job_id)}"


def check_out(folder: Path | None) -> None:
    """Refuses a folder that cannot be written, before anything is paid."""
    if folder is None:
        return
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise UserError(f"{folder} cannot be written; choose another --out")


async def _conducted(services: Services, course: Course, display: Display, interrupts: Interrupts) -> None:
    for notice in await notices(services, course.job, course.out):
        display.say(notice)
    display.show(await job_status(services.store, course.job.tenant, course.job.job_id), None)
    await conduct(services, course, display, interrupts)


async def _report(
    services: Services, tenant: str, status: Status, failure: BaseException | None, wishes: Wishes
) -> int:
    profile = services.settings.profile
    complaint = _complaint(status, failure, profile)
    if wishes.json:
        consoles.print_json(as_json(status, reason=complaint))
    else:
        examples = await reject_examples(services, status, tenant)
        reason = None if complaint else status.reason
        shown = summary(status, examples, reason=reason, stopped=failure is not None, profile=profile)
        consoles.show(shown)
    if failure is not None and not isinstance(failure, SynthmillError):
        raise failure
    if complaint is not None:
        complain(complaint)
    return exit_code(status, failure)


def _complaint(status: Status, failure: BaseException | None, profile: Profile) -> str | None:
    """What is said on stderr besides the summary."""
    if isinstance(failure, Interrupted) and profile is Profile.STACK and status.running:
        return f"not followed any more; the services go on with it: synthmill status {status.job_id} --watch"
    again = f"synthmill resume {status.job_id}"
    match failure:
        case None if status.state is JobState.BLOCKED:
            return f"{status.reason or 'the job is blocked'}\nOnce that is mended, go on with: {again}"
        case None:
            return None
        case Interrupted():
            return f"stopped; nothing is lost, go on with: {again}"
        case GateBlocked():
            return str(failure)
        case SynthmillError():
            return f"{failure}\nNothing is lost, go on with: {again}"
        case _:
            return f"{type(failure).__name__}: {failure}"


def exit_code(status: Status, failure: BaseException | None) -> int:
    """0 only if all N are accepted; a blocked job can be tried later, so it answers like every other such error."""
    if isinstance(failure, SynthmillError):
        return failure.exit_code
    if status.state is JobState.BLOCKED:
        return Retriable.exit_code
    return 0 if status.state is JobState.COMPLETED else 1
