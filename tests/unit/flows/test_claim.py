"""One run acts on a job; a dead one does not hold it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from synthmill.embedded import EmbeddedServices
from synthmill.jobs.documents import change_job, get_job
from synthmill.jobs.status import Status
from synthmill.settings import JobSettings
from synthmill_flows.claim import Claimant, ClaimLost, Turn, claimed, holder_is_dead, owner_of
from synthmill_schemas.base import now
from synthmill_schemas.job import JobDocument, Lease
from tests.support.jobs import TENANT

JOB = "job-1"
Runs = Callable[[str], Claimant]


@pytest.fixture
def run(services: EmbeddedServices) -> Runs:
    return lambda flow_run_id: Claimant(services, TENANT, JOB, flow_run_id)


def dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


async def job(services: EmbeddedServices) -> JobDocument:
    return (await get_job(services.store, TENANT, JOB)).document


async def held_by(services: EmbeddedServices, owner: str, seconds: float) -> None:
    lease = Lease(owner=owner, expires_at=now() + timedelta(seconds=seconds))
    await change_job(services.store, TENANT, JOB, lambda _: {"flow": lease})


async def test_a_free_job_is_taken_and_names_its_run(services: EmbeddedServices, run: Runs) -> None:
    assert await run("run-1").take() is Turn.OURS
    document = await job(services)
    assert document.flow_run_id == "run-1"
    assert document.flow is not None
    assert document.flow.expires_at > now()


async def test_a_second_run_does_not_get_it(run: Runs) -> None:
    assert await run("run-1").take() is Turn.OURS
    assert await run("run-2").take() is Turn.ANOTHERS
    assert await run("run-1").take() is Turn.OURS


async def test_of_many_runs_at_once_one_gets_it(run: Runs) -> None:
    turns = await asyncio.gather(*(run(f"run-{number}").take() for number in range(8)))
    assert turns.count(Turn.OURS) == 1


async def test_given_back_it_is_free_and_still_says_who_had_it(services: EmbeddedServices, run: Runs) -> None:
    await run("run-1").take()
    await run("run-1").give_back()
    document = await job(services)
    assert (document.flow, document.flow_run_id) == (None, "run-1")
    assert await run("run-2").take() is Turn.OURS


async def test_a_run_cannot_give_back_what_another_has(services: EmbeddedServices, run: Runs) -> None:
    await run("run-1").take()
    await run("run-2").give_back()
    assert await run("run-3").take() is Turn.ANOTHERS


async def test_an_expired_claim_of_another_machine_is_taken_over(services: EmbeddedServices, run: Runs) -> None:
    await held_by(services, "run-1@elsewhere/1/1", seconds=60)
    assert await run("run-2").take() is Turn.ANOTHERS
    await held_by(services, "run-1@elsewhere/1/1", seconds=-1)
    assert await run("run-2").take() is Turn.OURS


async def test_a_killed_process_of_this_machine_holds_nothing(services: EmbeddedServices, run: Runs) -> None:
    assert not holder_is_dead(owner_of("run-1"))
    owner = owner_of("run-1").replace(f"/{os.getpid()}", f"/{dead_pid()}")
    await held_by(services, owner, seconds=60)
    assert await run("run-2").take() is Turn.OURS


async def test_a_run_that_prefect_began_twice_acts_once(services: EmbeddedServices, run: Runs) -> None:
    await held_by(services, "run-1@elsewhere/1/1", seconds=60)
    assert await run("run-1").take() is Turn.ANOTHERS
    await held_by(services, "run-1@elsewhere/1/1", seconds=-1)
    assert await run("run-1").take() is Turn.OURS


async def test_a_claim_that_another_process_took_over_ends_the_work(services: EmbeddedServices) -> None:
    quick = JobSettings(flow_lease_seconds=1.001)
    settings = services.settings.model_copy(update={"job": quick})
    claimant = Claimant(replace(services, settings=settings), TENANT, JOB, "run-1")

    async def ignore(_: Status) -> None:
        return None

    async def lose() -> None:
        async with claimed(claimant, ignore):
            await held_by(services, "run-1@elsewhere/1/1", seconds=60)
            await asyncio.Event().wait()

    with pytest.raises(ClaimLost):
        await lose()
    held = (await job(services)).flow
    assert held is not None, "what another has is not given back"


async def test_a_claim_is_no_progress_of_the_job(services: EmbeddedServices, run: Runs) -> None:
    before = (await job(services)).updated_at
    await run("run-1").take()
    await run("run-1").give_back()
    assert (await job(services)).updated_at == before


async def test_a_waiting_run_watches_until_it_is_its_turn(run: Runs) -> None:
    seen: list[Status] = []
    watched = asyncio.Event()

    async def watch(status: Status) -> None:
        seen.append(status)
        watched.set()

    async with claimed(run("run-1"), watch):
        second = asyncio.create_task(_hold(run("run-2"), watch))
        await watched.wait()
        assert not second.done()
    await second
    assert {status.job_id for status in seen} == {JOB}


async def _hold(claimant: Claimant, watch: Callable[[Status], asyncio.Future[None]]) -> None:
    async with claimed(claimant, watch):
        return


async def test_a_run_that_fails_gives_the_job_back(services: EmbeddedServices, run: Runs) -> None:
    with pytest.raises(ZeroDivisionError):
        await _fail(run("run-1"))
    assert (await job(services)).flow is None


async def _fail(claimant: Claimant) -> None:
    async def ignore(_: Status) -> None:
        return None

    async with claimed(claimant, ignore):
        raise ZeroDivisionError
