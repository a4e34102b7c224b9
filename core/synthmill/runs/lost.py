"""Flow runs that nobody carries on: their process died, or they were cancelled while no hook could run.

A run says it is alive by the claim in its job's document. Of a run that does not, only the job decides what becomes.
"""

import asyncio
import logging
from collections.abc import Awaitable
from datetime import timedelta
from typing import Literal

from synthmill.errors import UserError, VersionConflict
from synthmill.jobs.cancel import cancel
from synthmill.jobs.documents import VersionedJob, find_job, jobs_of
from synthmill.jobs.events import say
from synthmill.runs.prefect import FlowRun, PrefectRefused, PrefectRest, RunState
from synthmill.runs.telling import CONTINUED, go_on
from synthmill.runs.wishes import Wish, find_wish
from synthmill.services import Services
from synthmill_schemas.base import now
from synthmill_schemas.event import Level
from synthmill_schemas.job import RUNNING_STATES, JobDocument, JobState

MOST_CONTINUATIONS = 3
"""How often a run goes on by itself after its process died; a person's Retry starts the count anew."""

_ALIVE = (RunState.PENDING, RunState.RUNNING)
_LOOKED_AT = (*_ALIVE, RunState.CANCELLING, RunState.CANCELLED, RunState.CRASHED)
_OLD = timedelta(days=1)

_FIRST_WORD = "Process exited with status code"
_SECOND_WORD_SECONDS = 60.0
"""So a Prefect worker says that a run crashed; then it runs hooks and says it again in other words. Going on before
that would begin the run twice; if the second word does not come, the worker died as well."""

_SETTLED_SECONDS = 3.0

_STARTING_SECONDS = 120.0
"""A process may take so long from its order to its first line, on a machine that has more to do than it can."""

Outcome = Literal["left", "continued", "cancelled", "given_up"]

logger = logging.getLogger(__name__)


async def look_after_runs(services: Services, prefect: PrefectRest) -> int:
    """One pass over the runs that may be lost; how many something was done about."""
    outcomes, silent = [], []
    for run in await prefect.runs(_LOOKED_AT):
        if run.state in _ALIVE:
            silent += [run] if await _is_silent(services, run) else []
        else:
            outcomes.append(await _unless_refused(look_after(services, prefect, run), run))
    if silent:
        await _moment(services)
    outcomes += [await _unless_refused(_crash(services, prefect, run), run) for run in silent]
    return sum(outcome in ("continued", "cancelled") for outcome in outcomes)


async def _moment(services: Services) -> None:
    """Between two looks at runs that seem lost."""
    await asyncio.sleep(min(_SETTLED_SECONDS, services.settings.job.flow_lease_seconds))


async def _unless_refused(looking: Awaitable[Outcome], run: FlowRun) -> Outcome:
    try:
        return await looking
    except PrefectRefused as error:
        logger.warning("run %s: %s", run.id, error)
        return "left"


async def look_after(services: Services, prefect: PrefectRest, run: FlowRun) -> Outcome:
    """What became of one run that was cancelled or crashed; any other is left."""
    found = await _job_of(services, run)
    if found is None:
        return "left"
    match run.state:
        case RunState.CANCELLING | RunState.CANCELLED:
            return await _pass_on_cancel(services, found.document)
        case RunState.CRASHED if _for(run, _SECOND_WORD_SECONDS if _will_be_told_again(run) else _SETTLED_SECONDS):
            return await _continue(services, prefect, found)
    return "left"


async def _is_silent(services: Services, run: FlowRun) -> bool:
    found = await _job_of(services, run)
    return found is not None and _is_lost(services, found.document, run)


async def _crash(services: Services, prefect: PrefectRest, run: FlowRun) -> Outcome:
    """A second look at a run that seemed lost a moment ago: what is lost stands still.

    A process gives its job back just before it tells the run's last state, and one that waited takes it just after.
    """
    again, found = await prefect.find(run.id), await _job_of(services, run)
    if again is None or (again.state, again.since) != (run.state, run.since):
        return "left"
    if found is None or not _is_lost(services, found.document, again):
        return "left"
    if not await prefect.set_state(run.id, RunState.CRASHED, "the process of this run is gone"):
        return "left"
    return await _continue(services, prefect, found)


async def _job_of(services: Services, run: FlowRun) -> VersionedJob | None:
    """The job that this run stands for; None when it is another's by now, or long ago."""
    tenant = str(run.order.get("tenant") or services.settings.tenant)
    found = await find_job(services.store, tenant, str(run.order.get("job_id") or run.id))
    if found is None or found.document.flow_run_id != run.id or run.since < now() - _OLD:
        return None
    return found


def settles_in(run: FlowRun) -> float:
    """Seconds until a run that crashed just now may go on; 0 for every other, and for one of whom more will be told."""
    if run.state is not RunState.CRASHED or _will_be_told_again(run):
        return 0.0
    return max(0.0, _SETTLED_SECONDS - (now() - run.since).total_seconds())


def _is_lost(services: Services, job: JobDocument, run: FlowRun) -> bool:
    """Nobody holds the job, for longer than a process that lives leaves it free."""
    held = job.flow is not None and job.flow.expires_at > now()
    lease = services.settings.job.flow_lease_seconds
    return not held and _for(run, max(_STARTING_SECONDS, lease) if run.state is RunState.PENDING else lease)


def _will_be_told_again(run: FlowRun) -> bool:
    return run.message.startswith(_FIRST_WORD)


def _for(run: FlowRun, seconds: float) -> bool:
    return run.since < now() - timedelta(seconds=seconds)


async def _pass_on_cancel(services: Services, job: JobDocument) -> Outcome:
    noted = await find_wish(services.store, job.tenant, job.job_id)
    if job.state not in RUNNING_STATES or (noted is not None and noted.wish is not Wish.NOTHING):
        return "left"  # a wish: somebody resumed it, and Prefect does not know yet
    try:
        await cancel(services, job.tenant, job.job_id, service="reconcile", reason="its run was cancelled in Prefect")
    except UserError:
        return "left"  # it ended just now
    return "cancelled"


async def _continue(services: Services, prefect: PrefectRest, found: VersionedJob) -> Outcome:
    job = found.document
    if job.state is JobState.CANCELLED or job.continuations >= MOST_CONTINUATIONS or job.flow_run_id is None:
        return "given_up"
    number = job.continuations + 1
    try:  # not by change_job: that sets updated_at, which tells when the job ended
        changes = {"continuations": number}
        await services.store.patch(jobs_of(job.tenant), job.job_id, changes, expected=found.version)
    except VersionConflict:
        return "left"  # somebody acts on it
    text = f"{CONTINUED} after its process died, {number} of {MOST_CONTINUATIONS} times"
    await go_on(prefect, job.flow_run_id, text)
    await say(
        services.store,
        "reconcile",
        "job.run_continued",
        f"job {job.job_id}: run {job.flow_run_id} is {text}",
        tenant=job.tenant,
        job_id=job.job_id,
        level=Level.WARNING,
        event_id=f"{job.job_id}-{job.flow_run_id}-{now():%Y%m%dT%H%M%S}-continued",
    )
    return "continued"
