"""Every change of a job's state is noted by the write that makes it."""

from collections.abc import Callable

from synthmill.embedded import EmbeddedServices
from synthmill.jobs.cancel import cancel
from synthmill.jobs.documents import change_job, get_job, jobs_of
from synthmill.jobs.history import MOST, history_of
from synthmill.jobs.order import JobOrder
from synthmill.jobs.pause import pause
from synthmill.jobs.submit import submit
from synthmill_schemas.job import JobDocument, JobState
from tests.support.jobs import TENANT


async def job(services: EmbeddedServices) -> JobDocument:
    return (await get_job(services.store, TENANT, "job-1")).document


async def test_each_state_stands_once_and_in_order(services: EmbeddedServices, order: Callable[..., JobOrder]) -> None:
    await submit(services, order())
    await pause(services, TENANT, "job-1", service="cli", reason="for a while")
    found = await job(services)
    told = [(change.n, change.state.value) for change in found.history]
    assert told == [(1, "created"), (2, "publishing"), (3, "published"), (4, "paused")]
    assert found.history[-1].reason == "for a while"
    assert found.untold == 4


async def test_a_change_of_other_fields_is_none_of_the_state(
    services: EmbeddedServices, order: Callable[..., JobOrder]
) -> None:
    before = await submit(services, order())
    await change_job(services.store, TENANT, "job-1", lambda _: {"temporary_files": "deleted"})
    assert (await job(services)).history == before.history


async def test_a_job_that_was_blocked_past_this_is_told_under_the_number_that_it_keeps(
    services: EmbeddedServices, order: Callable[..., JobOrder]
) -> None:
    await submit(services, order())
    stored = await get_job(services.store, TENANT, "job-1")
    blocked = {"state": "blocked", "reason": "no key", "updated_at": "2026-11-23T10:00:00Z"}
    await services.store.patch(jobs_of(TENANT), "job-1", blocked, expected=stored.version)
    seen = history_of(await job(services))[-1]
    assert (seen.n, seen.state, seen.reason) == (4, JobState.BLOCKED, "no key")
    await cancel(services, TENANT, "job-1", service="cli", reason="enough")
    found = await job(services)
    assert found.history[3] == seen
    assert (found.history[4].n, found.history[4].state) == (5, JobState.CANCELLED)
    assert found.untold == 5


async def test_only_the_last_changes_are_kept_and_keep_their_numbers(
    services: EmbeddedServices, order: Callable[..., JobOrder]
) -> None:
    await submit(services, order())
    for number in range(MOST):
        await change_job(services.store, TENANT, "job-1", lambda _, round_=number + 2: {"round": round_})  # type: ignore[misc]
    found = await job(services)
    assert [change.n for change in found.history] == list(range(4, 4 + MOST))
    assert found.untold == MOST
