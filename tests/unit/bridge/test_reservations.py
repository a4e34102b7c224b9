"""The accounts that the bridge keeps for the calls of its children."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from synthmill.bridge.reservations import Reservations
from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.jobs.account import find_account
from synthmill.jobs.caps import change_caps
from synthmill.jobs.documents import change_job, get_job
from synthmill.jobs.order import JobOrder
from synthmill.jobs.spending import committed
from synthmill.jobs.submit import submit
from synthmill.settings import Settings
from synthmill_schemas.base import JsonObject
from synthmill_schemas.budget import Budget, SpendingDocument
from synthmill_schemas.job import JobState
from synthmill_schemas.stdio import Room
from tests.support.jobs import TENANT, recipe

JOB = "j1"


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[EmbeddedServices]:
    async with open_embedded(Settings(home=tmp_path / "home")) as opened:
        await submit(opened, JobOrder(TENANT, JOB, recipe(), caps=Budget(max_tokens=1_000)))
        await change_job(opened.store, TENANT, JOB, lambda _: {"state": JobState.PLANNED})
        yield opened


def reserve(number: int, tokens: int) -> JsonObject:
    need = {"tokens": tokens, "usd": 0.0}
    return {
        "tenant": TENANT,
        "job_id": JOB,
        "request_id": f"r{number}",
        "call_id": f"c{number}",
        "need": need,
    }


def call(number: int, prompt: int, completion: int) -> JsonObject:
    return {
        "call_id": f"c{number}",
        "outcome": "answered",
        "status": 200,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "cost_usd": None,
    }


async def account(services: EmbeddedServices) -> SpendingDocument:
    found = await find_account(services.store, TENANT, JOB)
    assert found is not None
    return found


async def rooms(reservations: Reservations, *reserves: JsonObject) -> list[Room]:
    return [line.room for line in await reservations.apply(reserves, [], [])]


async def test_calls_in_flight_are_reserved_and_settled_by_their_call_lines(services: EmbeddedServices) -> None:
    reservations = Reservations(services.store)
    assert await rooms(reservations, *(reserve(n, 400) for n in range(3))) == [Room.GRANTED, Room.GRANTED, Room.FULL]
    assert [holder.held.tokens for holder in (await account(services)).holders] == [800]
    await reservations.apply([], [call(0, 60, 40), call(1, 60, 40)], [])
    after = await account(services)
    assert (after.reported.tokens, after.holders) == (200, [])
    assert await rooms(reservations, reserve(2, 400), reserve(3, 400)) == [Room.GRANTED, Room.GRANTED]


async def test_children_share_one_account(services: EmbeddedServices) -> None:
    one, other = Reservations(services.store), Reservations(services.store)
    assert await rooms(one, reserve(0, 700)) == [Room.GRANTED]
    assert await rooms(other, reserve(1, 400)) == [Room.FULL]
    await one.apply([], [call(0, 10, 10)], [])
    assert await rooms(other, reserve(1, 400)) == [Room.GRANTED]


async def test_a_call_that_cannot_fit_pauses_the_job_and_a_higher_cap_lets_it_go_on(services: EmbeddedServices) -> None:
    reservations = Reservations(services.store)
    await rooms(reservations, reserve(0, 400))
    await reservations.apply([], [call(0, 600, 350)], [])
    assert await rooms(reservations, reserve(1, 100)) == [Room.OVER]
    job = (await get_job(services.store, TENANT, JOB)).document
    assert (job.state, job.paused_by, job.round) == (JobState.PAUSED, "budget", 1)
    assert job.reason is not None
    assert "950 of max_tokens 1000 are spent, the next call may take 100" in job.reason
    job = await change_caps(services, TENANT, JOB, {"max_tokens": 2_000}, by="cli")
    assert (job.state, job.paused_by, job.round) == (JobState.PUBLISHED, None, 2)
    assert await rooms(reservations, reserve(1, 100)) == [Room.GRANTED]


async def test_what_a_child_that_died_had_reserved_counts_as_spent(services: EmbeddedServices) -> None:
    reservations = Reservations(services.store)
    await rooms(reservations, reserve(0, 300), reserve(1, 300))
    await reservations.apply([], [call(0, 60, 40)], [])
    await reservations.abandon()
    after = await account(services)
    assert (after.reported.tokens, after.assumed.tokens, after.holders) == (100, 300, [])
    assert committed(after).tokens == 400


async def test_a_request_that_ended_without_its_calls_line_is_not_forgotten(services: EmbeddedServices) -> None:
    reservations = Reservations(services.store)
    await rooms(reservations, reserve(0, 300))
    await reservations.apply([], [], [{"request_id": "r0"}])
    assert (await account(services)).assumed.tokens == 300


async def test_a_job_that_was_stopped_is_granted_nothing(services: EmbeddedServices) -> None:
    await change_job(services.store, TENANT, JOB, lambda _: {"state": JobState.CANCELLED})
    assert await rooms(Reservations(services.store), reserve(0, 10)) == [Room.OVER]
    assert (await get_job(services.store, TENANT, JOB)).document.state is JobState.CANCELLED
