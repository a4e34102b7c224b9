"""Waits out what is away: tasks a store or broker, and whoever has to tell Prefect something its server."""

import asyncio
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

P = ParamSpec("P")
R = TypeVar("R")

_RETRIES = 5  # with a back-off of 2, 4, 8, 16 and 32 s: a restart of a store or broker


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


async def until_prefect_listens(every: float) -> None:
    """Returns when Prefect's server answers; asks every so many seconds."""
    async with get_client() as client:
        while await client.api_healthcheck() is not None:  # noqa: ASYNC110  nothing but the server can tell
            await asyncio.sleep(every)
