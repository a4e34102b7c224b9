"""Waits out what is away: tasks and whole runs a store or broker, and whoever has to tell Prefect its server."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

from synthmill.errors import SynthmillError

P = ParamSpec("P")
R = TypeVar("R")

T = TypeVar("T")

_RETRIES = 5  # with a back-off of 2, 4, 8, 16 and 32 s: a restart of a store or broker
_FIRST_PAUSE_SECONDS = 2.0
_LAST_PAUSE_SECONDS = 30.0
_WELL_SECONDS = 300.0
"""What went well for so long before it failed met another outage than the last one."""

_log = logging.getLogger(__name__)


async def retriable(_: Task[..., Any], __: TaskRun, state: State[Any]) -> bool:
    """Whether the task's error says that the same call may succeed later."""
    outcome: object = await state.aresult(raise_on_failure=False)
    return bool(getattr(outcome, "retriable", False))


def patient(step: Callable[P, R]) -> Task[P, R]:
    """A task that is tried again where that can help, and is done anew in every run."""
    return task(
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=_RETRIES,
        retry_delay_seconds=exponential_backoff(backoff_factor=2),
        retry_jitter_factor=0.5,
        retry_condition_fn=retriable,
    )(step)


async def outlasting(
    step: Callable[[], Awaitable[T]],
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """The step's answer; one that may succeed later is done again, until an outage has lasted for so many seconds.

    Its tasks have waited already; this is for an outage that a task would not outlast, and for what is no task. The job
    goes on meanwhile, and a run that gave up would only have to be retried by a person.
    """
    since, pause = clock(), _FIRST_PAUSE_SECONDS
    while True:
        began = clock()
        try:
            return await step()
        except SynthmillError as error:
            if clock() - began > _WELL_SECONDS:
                since, pause = clock(), _FIRST_PAUSE_SECONDS
            if not error.retriable or clock() - since > seconds:
                raise
            _log.warning("tried again in %.0f s: %s", pause, error)
        await sleep(pause)
        pause = min(2 * pause, _LAST_PAUSE_SECONDS)


async def until_prefect_listens(every: float) -> None:
    """Returns when Prefect's server answers; asks every so many seconds."""
    async with get_client() as client:
        while await client.api_healthcheck() is not None:  # noqa: ASYNC110  nothing but the server can tell
            await asyncio.sleep(every)
