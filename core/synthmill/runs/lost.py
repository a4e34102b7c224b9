"""Flow runs that nobody carries on: their process died, or they were cancelled while no hook could run.

A run says it is alive by the claim in its job's document. Of a run that does not, only the job decides what becomes.
"""

import logging
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

_LOOKED_AT = (RunState.PENDING, RunState.RUNNING, RunState.CANCELLING, RunState.CANCELLED, RunState.CRASHED)
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
    done = 0
    for run in await prefect.runs(_LOOKED_AT):
        try:
            done += await look_after(services, prefect, run) in ("continued", "cancelled")
        except PrefectRefused as error:
            logger.warning("run %s: %s", run.id, error)
    return done


async def look_after(services: Services, prefect: PrefectRest, run: FlowRun) -> Outcome:
    """What became of one run."""
    tenant = str(run.order.get("tenant") or services.settings.tenant)
    found = await find_job(services.store, tenant, str(run.order.get("job_id") or run.id))
    if found is None or found.document.flow_run_id != run.id or run.since < now() - _OLD:
        return "left"
    job = found.document
    match run.state:
        case RunState.CANCELLING | RunState.CANCELLED:
            return await _pass_on_cancel(services, job)
        case RunState.CRASHED if _for(run, _SECOND_WORD_SECONDS if _will_be_told_again(run) else _SETTLED_SECONDS):
            return await _continue(services, prefect, found)
        case RunState.RUNNING | RunState.PENDING if _is_lost(services, job, run):
            await prefect.set_state(run.id, RunState.CRASHED, "the process of this run is gone")
            return await _continue(services, prefect, found)
    return "left"


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
