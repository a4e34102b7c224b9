"""What following a job costs Elasticsearch: each request of the one who follows is counted, none of anybody else."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from synthmill.jobs.cancel import cancel
from synthmill.jobs.track import track
from synthmill.services import Services
from synthmill_flows.looking import FULL_SECONDS, SparingLook
from synthmill_flows.pace import FlowPace
from synthmill_flows.progress import event_progress
from synthmill_schemas.job import JobState
from tests.support.elastic_requests import MINE, requests_counted
from tests.support.jobs import accepted
from tests.support.made import made_job, put_slots
from tests.support.on_stack import ON_STACK
from tests.support.profiles import on_stack

pytestmark = [*ON_STACK, pytest.mark.long]

JOB, RECORDS, SECONDS = "job-1", 200, 2 * FULL_SECONDS


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    async with on_stack(tmp_path) as services:
        yield services


async def follow(services: Services, tenant: str) -> None:
    """As a flow run does."""
    MINE.set(True)
    look, told = SparingLook(services.store, tenant, JOB), event_progress(services.store, tenant, JOB)
    await track(services, tenant, JOB, told, pace=FlowPace(), look=look)


async def test_following_a_job_whose_records_come_all_the_time_costs_a_request_a_second(services: Services) -> None:
    tenant = services.settings.tenant
    await made_job(services, job_id=JOB, records=RECORDS, state=JobState.PLANNED)
    with requests_counted() as requests:
        follower = asyncio.create_task(follow(services, tenant))
        try:
            for slot in range(int(SECONDS)):
                await put_slots(services, accepted(JOB, slot, tenant=tenant))
                await asyncio.sleep(1)  # the rate at which records come
            counted = len(requests.told)
            await cancel(services, tenant, JOB, service="cli", reason="enough")
            await follower
        finally:
            follower.cancel()
    print(f"{counted} requests in {SECONDS:.0f} s: {counted / SECONDS:.2f} a second")
    assert SECONDS / 10 < counted <= SECONDS
