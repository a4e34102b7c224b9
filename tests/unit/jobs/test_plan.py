"""Planning a round: every open slot is published once, a crash repeats at most one chunk, a stop ends it."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from synthmill import tracing
from synthmill.embedded import EmbeddedServices
from synthmill.errors import BrokerUnavailable
from synthmill.jobs import plan
from synthmill.jobs.documents import change_job, get_job
from synthmill.jobs.lease import LeaseTaken, new_owner, planner_lease
from synthmill.jobs.order import JobOrder
from synthmill.jobs.plan import RoundOver, plan_round
from synthmill.jobs.submit import submit
from synthmill.jobs.unit import Unit, UnitOver
from synthmill.ports.broker import Queue, Settlement
from synthmill_schemas.base import now
from synthmill_schemas.job import JobDocument, JobState, Lease, PlanCheckpoint
from synthmill_schemas.slot import RejectClass
from tests.support.jobs import TENANT, accepted, exhausted, parked, store_slots

JOB = "job-1"
Order = Callable[..., JobOrder]


async def submitted(services: EmbeddedServices, order: JobOrder) -> JobDocument:
    await submit(services, order)
    return (await get_job(services.store, TENANT, JOB)).document


async def drain(services: EmbeddedServices) -> list[dict[str, Any]]:
    """Takes all generation requests out of the queue."""
    requests: list[dict[str, Any]] = []
    async with services.broker.consume(Queue.GENERATION, prefetch=10) as consumption:
        for _ in range((await services.broker.depth(Queue.GENERATION)).ready):
            delivery = await anext(aiter(consumption))
            requests.append(json.loads(delivery.message.body))
            await consumption.settle(delivery, Settlement.ACK)
    return requests


def slots_of(requests: list[dict[str, Any]]) -> list[int]:
    return [slot["slot"] for request in requests for slot in request["slots"]]


async def test_the_first_round_publishes_every_slot_k_at_a_time(services: EmbeddedServices, order: Order) -> None:
    job = await submitted(services, order(batch=3))
    await plan_round(services, job)
    requests = await drain(services)
    assert slots_of(requests) == [0, 1, 2, 3]
    assert [len(request["slots"]) for request in requests] == [3, 1]
    planned = (await get_job(services.store, TENANT, JOB)).document
    assert (planned.state, planned.records) == (JobState.PLANNED, 4)
    assert planned.checkpoint == PlanCheckpoint(round=1, next_slot=4)


async def test_requests_go_on_with_the_jobs_trace_each_with_a_span_of_its_own(
    services: EmbeddedServices, order: Order
) -> None:
    given = tracing.new()
    job = await submitted(services, replace(order(), trace=given))
    await plan_round(services, job)
    async with services.broker.consume(Queue.GENERATION, prefetch=10) as consumption:
        messages = [(await anext(aiter(consumption))).message for _ in range(4)]
    traces = [tracing.parse(message.headers[tracing.HEADER]) for message in messages]
    assert {trace.trace_id for trace in traces if trace} == {given.trace_id}
    assert len({trace.span_id for trace in traces if trace} | {given.span_id}) == 5
    assert [json.loads(message.body)["traceparent"] for message in messages] == [str(trace) for trace in traces]


async def test_a_planner_that_died_goes_on_behind_its_checkpoint(services: EmbeddedServices, order: Order) -> None:
    await submitted(services, order())
    changed = await change_job(
        services.store, TENANT, JOB, lambda _: {"records": 4, "checkpoint": PlanCheckpoint(round=1, next_slot=2)}
    )
    await plan_round(services, changed.document)
    assert slots_of(await drain(services)) == [2, 3]


async def units(services: EmbeddedServices) -> int:
    """Plans the job's round in units that last no time; answers how many it took."""
    services.settings.worker.publish_chunk = 1
    for number in range(1, 20):
        try:
            await plan_round(services, (await get_job(services.store, TENANT, JOB)).document, Unit(0))
        except UnitOver:
            continue
        return number
    raise AssertionError("the units get nowhere")


async def test_a_round_is_planned_in_as_many_units_as_it_takes(services: EmbeddedServices, order: Order) -> None:
    await submitted(services, order(batch=2, target={"records": 7}))
    assert await units(services) == 4
    requests = await drain(services)
    assert [[slot["slot"] for slot in request["slots"]] for request in requests] == [[0, 1], [2, 3], [4, 5], [6]]
    assert (await get_job(services.store, TENANT, JOB)).document.state is JobState.PLANNED


async def test_units_of_a_later_round_get_over_long_stretches_that_are_filled(
    services: EmbeddedServices, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "_LOOK_AHEAD", 3)
    await submitted(services, order(batch=2, target={"records": 14}))
    open_slots = (4, 12, 13)
    await store_slots(services, *(accepted(JOB, slot) for slot in range(14) if slot not in open_slots))
    changes = {"round": 2, "records": 14, "state": JobState.PUBLISHED, "checkpoint": None}
    await change_job(services.store, TENANT, JOB, lambda _: changes)
    assert await units(services) > 2
    requests = await drain(services)
    assert [[slot["slot"] for slot in request["slots"]] for request in requests] == [[4, 12], [13]]


async def test_a_later_round_publishes_only_what_may_still_be_filled(services: EmbeddedServices, order: Order) -> None:
    await submitted(services, order())
    await store_slots(
        services, accepted(JOB, 0), exhausted(JOB, 1), exhausted(JOB, 2, RejectClass.REFUSAL), parked(JOB, 3)
    )
    for scope, expected in [("mendable", [1]), ("all", [1, 2])]:
        changes = {"round": 2, "round_scope": scope, "records": 4, "state": JobState.PUBLISHED, "checkpoint": None}
        job = (await change_job(services.store, TENANT, JOB, lambda _, c=changes: c)).document
        await plan_round(services, job)
        requests = await drain(services)
        assert slots_of(requests) == expected
        assert {request["round"] for request in requests} == {2}


async def test_max_candidates_lowers_the_tries_in_every_request(services: EmbeddedServices, order: Order) -> None:
    job = await submitted(services, order(target={"records": 4, "max_candidates": 8}))
    await plan_round(services, job)
    assert {request["max_attempts"] for request in await drain(services)} == {2}


async def test_a_job_that_was_cancelled_is_not_planned(services: EmbeddedServices, order: Order) -> None:
    job = await submitted(services, order())
    await change_job(services.store, TENANT, JOB, lambda _: {"state": JobState.CANCELLED})
    with pytest.raises(RoundOver):
        await plan_round(services, job)
    assert await drain(services) == []


async def test_a_broker_that_goes_away_leaves_the_job_unplanned(
    services: EmbeddedServices, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await submitted(services, order())

    async def unavailable(*_: object) -> None:
        raise BrokerUnavailable("gone")

    monkeypatch.setattr(type(services.broker), "publish", unavailable)
    with pytest.raises(BrokerUnavailable):
        await plan_round(services, job)
    assert (await get_job(services.store, TENANT, JOB)).document.state is JobState.PUBLISHED


async def test_a_second_planner_waits_for_the_first_or_for_its_death(services: EmbeddedServices, order: Order) -> None:
    job = await submitted(services, order())
    async with planner_lease(services.store, job, new_owner(), 30):
        with pytest.raises(LeaseTaken):
            async with planner_lease(services.store, job, new_owner(), 30):
                pass
    dead = Lease(owner="dead", expires_at=now() - timedelta(seconds=1))
    await change_job(services.store, TENANT, JOB, lambda _: {"planner": dead})
    async with planner_lease(services.store, job, "living", 30):
        holder = (await get_job(services.store, TENANT, JOB)).document.planner
        assert holder is not None
        assert holder.owner == "living"
    assert (await get_job(services.store, TENANT, JOB)).document.planner is None
