"""A job that does not move on is told with its most likely cause."""

from collections.abc import Callable

import pytest

from synthmill.embedded import EmbeddedServices
from synthmill.jobs.documents import change_job
from synthmill.jobs.events import say
from synthmill.jobs.order import JobOrder
from synthmill.jobs.stall import Stall, look_at
from synthmill.jobs.status import job_status
from synthmill.jobs.submit import submit
from synthmill.ports.broker import Message, Queue, QueueDepth
from synthmill_schemas.job import JobState
from tests.support.jobs import TENANT

JOB = "job-1"
Order = Callable[..., JobOrder]


def stall(**changes: object) -> Stall:
    usual: dict[str, object] = {
        "job_id": JOB,
        "dataset": "colours",
        "seconds": 120.0,
        "queue": Queue.GENERATION,
        "depth": QueueDepth(ready=3, unsettled=2, consumers=1),
        "open_slots": 40,
        "rate_limited": 0,
        "trouble": None,
    }
    return Stall(**{**usual, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({}, "other jobs are before it in the queue"),
        ({"depth": QueueDepth(3, 0, 0)}, "nobody listens at queue generation: start a consumer"),
        ({"depth": QueueDepth(3, 0, 0), "queue": Queue.JOBS}, "nobody listens at queue jobs: start a worker"),
        ({"depth": QueueDepth(0, 0, 1)}, "its requests are in no queue any more and are published again"),
        ({"depth": QueueDepth(0, 5, 1)}, "calls in flight do not come back"),
        ({"rate_limited": 17}, "the provider refused 17 calls as too many (429)"),
        ({"trouble": "provider saturated", "rate_limited": 17}, "the provider: provider saturated"),
    ],
)
def test_the_cause_is_named(changes: dict[str, object], cause: str) -> None:
    told = stall(**changes).text
    assert told.endswith(cause)
    assert told.startswith("job job-1: nothing happened for 120 s; 40 slots are open; queue ")


async def test_it_is_found_in_queue_and_events(services: EmbeddedServices, order: Order) -> None:
    await submit(services, order(JOB))
    planned = {"state": JobState.PLANNED, "records": 4}
    await change_job(services.store, TENANT, JOB, lambda _: planned)
    await services.broker.publish(Queue.GENERATION, [Message("one", b"{}")])
    await say(services.store, "consumer", "provider.saturated", "mock/one: 429", tenant=TENANT, job_id=JOB)
    found = await look_at(services, TENANT, await job_status(services.store, TENANT, JOB), 60)
    assert (found.queue, found.depth.ready, found.open_slots) == (Queue.GENERATION, 1, 4)
    assert found.trouble == "mock/one: 429"
    assert not found.queue_is_empty
