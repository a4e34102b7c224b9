"""Two API processes over one store: what all of their clients ask for at once with one key is made once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from synthmill.ports.broker import Queue
from synthmill.ports.records import Collection, Place
from synthmill.services import Services
from synthmill.settings import Profile
from synthmill_api.auth.keys import KeyRing
from synthmill_api.auth.scopes import Grant, Scope
from tests.support.api_process import start_api
from tests.support.installation import environment_of
from tests.support.jobs import recipe
from tests.support.uploads import CSV, recipe_data, worked

pytestmark = pytest.mark.integration

SECRET = "s" * 32
REQUESTS = 20
PLAIN: dict[str, Any] = {"recipe": recipe().recipe.model_dump(mode="json", by_alias=True)}
ROWS: dict[str, Any] = {"recipe": recipe_data(), "rows": [{"title": "lamp"}, {"title": "désk"}]}


@pytest.fixture
async def processes(services: Services) -> AsyncIterator[list[httpx.AsyncClient]]:
    """A caller of each, by one key; every request has a connection of its own."""
    settings = services.settings
    key, _ = await KeyRing(services.store, SECRET).create(settings.tenant, Grant(frozenset(Scope)))
    environment = {"SYNTHMILL_API__SECRET": SECRET}
    if settings.profile is Profile.STACK:
        environment |= environment_of(settings)
    headers = {"authorization": f"Bearer {key}"}
    async with AsyncExitStack() as opened:
        urls = [opened.enter_context(start_api(settings.home, **environment)).url for _ in range(2)]
        callers = [httpx.AsyncClient(base_url=url, headers=headers, timeout=60) for url in urls]
        yield [await opened.enter_async_context(caller) for caller in callers]


async def ordered(processes: list[httpx.AsyncClient], path: str, body: dict[str, Any], key: str) -> dict[str, Any]:
    """What all of twenty got, each process asked by every other one."""
    headers = {"idempotency-key": key}
    asked = (processes[n % 2].post(path, json=body, headers=headers) for n in range(REQUESTS))
    answers = await asyncio.gather(*asked)
    assert [answer.status_code for answer in answers] == [202] * REQUESTS, {answer.text for answer in answers}
    assert len({answer.json()["id"] for answer in answers}) == 1
    told: dict[str, Any] = answers[0].json()
    return told


async def ready(services: Services, queue: Queue) -> int:
    return (await services.broker.depth(queue)).ready


async def said(services: Services, job_id: str, name: str) -> int:
    place = Place(services.settings.tenant, Collection.EVENTS)
    await services.store.visible(place)
    return await services.store.count(place, {"job_id": job_id, "name": name})


async def test_twenty_identical_orders_at_once_are_one_job_published_once(
    services: Services, processes: list[httpx.AsyncClient]
) -> None:
    one, other = processes
    source = (await one.post("/v1/sources", params={"name": "products.csv"}, content=CSV)).json()["id"]
    of_file = {"recipe": recipe_data(), "sources": [source]}
    slots, jobs = 0, 0
    for key, body in {"plain": PLAIN, "rows": ROWS, "file": of_file}.items():
        job = (await ordered(processes, "/v1/jobs", body, key))["id"]
        assert await ready(services, Queue.JOBS) == 1, key  # RabbitMQ would count what was sent twice
        await worked(services)
        jobs, slots = jobs + 1, slots + (await other.get(f"/v1/jobs/{job}")).json()["requested"]
        assert await ready(services, Queue.GENERATION) == slots, key
        assert await said(services, job, "job.planned") == 1, key
        assert (await one.get("/v1/jobs")).json()["total"] == jobs
    quote = (await ordered(processes, "/v1/quotes", {**PLAIN, "slots": 3}, "quote"))["id"]
    await worked(services)
    assert await ready(services, Queue.GENERATION) == slots + 3
    assert [job["id"] for job in (await other.get("/v1/jobs?purpose=quote")).json()["items"]] == [quote]
