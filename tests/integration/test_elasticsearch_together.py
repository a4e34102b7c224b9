"""Searches that are asked for at once are one request, and each has its own answer, error or absence."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from synthmill.jobs.progress import job_progress
from synthmill.jobs.status import count_job
from synthmill.ports.records import Collection, Place
from synthmill.services import Services
from synthmill.stack.elastic.client import ElasticClient, Json, NotAccepted
from synthmill.stack.elastic.together import Together
from synthmill_schemas.job import JobState
from tests.support.elastic_requests import MINE, requests_counted
from tests.support.jobs import exhausted
from tests.support.made import made_job, poems, put_slots
from tests.support.on_stack import ON_STACK
from tests.support.profiles import on_stack

pytestmark = list(ON_STACK)

ALL = {"query": {"match_all": {}}, "size": 0}


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    async with on_stack(tmp_path) as services:
        yield services


@pytest.fixture
async def client(services: Services) -> AsyncIterator[ElasticClient]:
    client = ElasticClient(services.settings.elasticsearch)
    MINE.set(True)
    yield client
    await client.close()


async def test_what_is_asked_for_at_once_goes_in_one_request(client: ElasticClient) -> None:
    together = Together(client)
    with requests_counted() as requests:
        answers = await asyncio.gather(*(together.search("*", ALL | {"size": size}) for size in (0, 0, 0)))
        alone = await together.search("*", ALL)
    assert len(requests.told) == 2, requests.told
    assert [answer["hits"]["total"] for answer in answers] == [alone["hits"]["total"]] * 3


@pytest.mark.parametrize("wrong", [{"no_such_query": {}}, {"regexp": {"_id": "("}}], ids=["unparsed", "failed"])
async def test_one_that_is_refused_takes_no_other_with_it(
    client: ElasticClient, services: Services, wrong: Json
) -> None:
    await made_job(services, poems(1))  # something to fail in
    together = Together(client)
    found, refused = await asyncio.gather(
        together.search("*", ALL), together.search("*", {"query": wrong, "size": 0}), return_exceptions=True
    )
    assert isinstance(found, dict)
    assert isinstance(refused, NotAccepted)


async def test_one_who_goes_leaves_the_others_their_answers(client: ElasticClient) -> None:
    together = Together(client)
    gone, staying = (asyncio.create_task(together.search("*", ALL)) for _ in range(2))
    await asyncio.sleep(0)  # both have asked
    gone.cancel()
    assert "hits" in await staying
    with suppress(asyncio.CancelledError):
        await gone
    assert gone.cancelled()


async def test_a_running_jobs_numbers_take_three_requests(services: Services) -> None:
    MINE.set(True)
    job = await made_job(services, poems(20), state=JobState.PLANNED, records=30)
    await put_slots(services, exhausted(job.job_id, 25).model_copy(update={"tenant": job.tenant}))
    await services.store.visible(Place(job.tenant, Collection.SLOTS, job.dataset))
    await count_job(services.store, job)  # asks for the fields' types
    with requests_counted() as requests:
        status = await count_job(services.store, job)
    assert (status.accepted, status.exhausted, status.pending) == (20, 1, 9)
    # the refresh, what every job has, and how its exhausted slots divide
    assert len(requests.told) == 3, requests.told
    await job_progress(services.store, job, status)
    with requests_counted() as requests:
        await job_progress(services.store, job, status)
    assert len(requests.told) == 1, requests.told
