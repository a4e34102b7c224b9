"""A job on the stack: services of their own do the work, nothing is started here; it is followed, judged and filed."""

import asyncio

from synthmill.cli.course import Course, teller
from synthmill.cli.display import Display
from synthmill.cli.interrupts import Interrupted, Interrupts
from synthmill.cli.judging import judging
from synthmill.cli.words import short
from synthmill.jobs.advance import TERMINAL_STATES
from synthmill.jobs.drive import drive
from synthmill.jobs.status import Status
from synthmill.jobs.track import OnStatus
from synthmill.ports.broker import Queue
from synthmill.services import Services

_SERVED_BY = {Queue.JOBS: "worker", Queue.GENERATION: "consumer"}


async def follow(services: Services, course: Course, display: Display, interrupts: Interrupts) -> None:
    """Returns when the job rests and its files are written; Ctrl-C ends the looking on, and nothing else."""
    tenant, job_id = course.job.tenant, course.job.job_id
    for warning in await unserved(services):
        display.say(warning)
    tell = _until_the_end(teller(services, course, display), course, display)
    work = drive(services, tenant, job_id, course.out, tell, judging(services, tenant))
    working, stopping = asyncio.create_task(work), asyncio.create_task(interrupts.first.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Interrupted("not followed any more", interrupts.exit_code)
        working.result()
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


def _until_the_end(tell: OnStatus, course: Course, display: Display) -> OnStatus:
    """Says what is waited for when all slots are decided."""

    async def on_status(status: Status) -> None:
        await tell(status)
        if status.state in TERMINAL_STATES:
            display.note(f"{short(course.job.job_id)}: all slots are decided; they are checked, gated and released")

    return on_status


async def unserved(services: Services) -> list[str]:
    """A line for each kind of service that no process of listens at its queue."""
    lines = []
    for queue, name in _SERVED_BY.items():
        if not (await services.broker.depth(queue)).consumers:
            lines.append(f"no {name} listens at queue {queue}: the job waits until one is started")
    return lines
