"""Jobs over HTTP on either profile: made once by any number of processes, found, extended, retried otherwise."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from synthmill.jobs.documents import change_job
from synthmill.ports.broker import Queue
from synthmill.ports.records import Collection, Place, Write
from synthmill.services import Services
from synthmill_api.app import create_app
from synthmill_api.config import ApiConfig
from synthmill_schemas.job import JobState
from synthmill_schemas.slot import RejectClass, SlotDocument
from tests.support.api import Api
from tests.support.jobs import accepted, exhausted, recipe
from tests.support.made import put_slots
from tests.support.uploads import recipe_data, worked

PLAIN: dict[str, Any] = {"recipe": recipe().recipe.model_dump(mode="json", by_alias=True)}
ROWS: dict[str, Any] = {"recipe": recipe_data(), "rows": [{"title": "lamp"}, {"title": "désk"}]}


@pytest.fixture
async def clients(services: Services) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Callers of two APIs with connections of their own, as two processes have them, by keys of one tenant."""
    async with AsyncExitStack() as opened:
        callers: list[httpx.AsyncClient] = []
        for _ in range(2):
            app = create_app(services.settings, ApiConfig(secret=SecretStr("s" * 32)))
            await opened.enter_async_context(app.router.lifespan_context(app))
            callers.append(await opened.enter_async_context(await Api(app).client(services.settings.tenant)))
        yield callers


async def ready(services: Services, queue: Queue) -> int:
    return (await services.broker.depth(queue)).ready


async def events(services: Services, name: str) -> list[str]:
    place = Place(services.settings.tenant, Collection.EVENTS)
    await services.store.visible(place)
    return [hit.document["service"] async for hit in services.store.scan(place, {"name": name})]


def of_tenant(services: Services, *slots: SlotDocument) -> list[SlotDocument]:
    return [slot.model_copy(update={"tenant": services.settings.tenant}) for slot in slots]


@pytest.mark.parametrize("body", [PLAIN, ROWS], ids=["plain", "rows"])
async def test_twenty_identical_requests_at_once_are_one_job_planned_once(
    services: Services, clients: list[httpx.AsyncClient], body: dict[str, Any]
) -> None:
    headers = {"idempotency-key": "order-7"}
    before = await ready(services, Queue.GENERATION)
    answers = await asyncio.gather(*(clients[n % 2].post("/v1/jobs", json=body, headers=headers) for n in range(20)))
    assert [answer.status_code for answer in answers] == [202] * 20
    (job,) = {answer.json()["id"] for answer in answers}
    # one who waited too long on a busy machine announced it to the workers
    assert {"planned"} <= {answer.json()["state"] for answer in answers} <= {"planned", "published"}
    records = answers[0].json()["records"]
    assert await ready(services, Queue.GENERATION) - before == records
    assert await events(services, "job.planned") == ["api"]
    assert (await clients[0].get("/v1/jobs")).json()["total"] == 1
    assert (await clients[1].get(f"/v1/jobs/{job}")).json()["pending"] == records
    other = await clients[0].post("/v1/jobs", json={**body, "labels": {"a": "b"}}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


async def test_the_jobs_of_quotes_are_listed_when_they_are_asked_for_and_pages_stay_whole(
    services: Services, clients: list[httpx.AsyncClient]
) -> None:
    client, _ = clients
    jobs, quotes = [], []
    for _ in range(3):  # by turns, so that a page filtered afterwards would come out short
        jobs.append((await client.post("/v1/jobs", json=PLAIN)).json()["id"])
        quotes.append((await client.post("/v1/quotes", json={**PLAIN, "slots": 2})).json()["id"])
    await _made_before_there_were_quotes(services, jobs[0])
    every = [id_ for pair in zip(jobs, quotes, strict=True) for id_ in pair]
    for purposes, shown in (([], jobs), (["dataset"], jobs), (["quote"], quotes), (["quote", "dataset"], every)):
        page = (await client.get("/v1/jobs", params={"purpose": purposes, "limit": 2})).json()
        found, total = page["items"], page["total"]
        assert len(found) == 2
        while page["cursor"]:
            rest = {"purpose": purposes, "limit": 2, "cursor": page["cursor"]}
            page = (await client.get("/v1/jobs", params=rest)).json()
            found += page["items"]
        assert ([job["id"] for job in found], total) == (shown[::-1], len(shown))
        assert {job["purpose"] for job in found} == set(purposes or ["dataset"])
    assert (await client.get("/v1/jobs", params={"q": "colours", "state": "planned"})).json()["total"] == 3
    assert (await client.get(f"/v1/jobs/{quotes[0]}")).json()["purpose"] == "quote"


async def _made_before_there_were_quotes(services: Services, job_id: str) -> None:
    place = Place(services.settings.tenant, Collection.JOBS)
    stored = await services.store.get(place, job_id)
    assert stored is not None
    without = {name: value for name, value in stored.document.items() if name != "purpose"}
    await services.store.bulk([Write(place, job_id, without)])


async def test_a_job_is_found_extended_and_retried_by_another_model(
    services: Services, clients: list[httpx.AsyncClient]
) -> None:
    client, other = clients
    body = {**PLAIN, "labels": {"team": "Verse & Co"}}
    job = (await client.post("/v1/jobs", json=body)).json()["id"]
    await worked(services)
    for params in ({"q": "verse"}, {"label": "team:Verse & Co"}, {"q": "COLOURS", "sort": "-updated_at"}):
        assert [found["id"] for found in (await other.get("/v1/jobs", params=params)).json()["items"]] == [job]
    assert (await other.get("/v1/jobs", params={"label": "team:verse"})).json()["total"] == 0
    slots = [accepted(job, 0), accepted(job, 1), exhausted(job, 2, RejectClass.REFUSAL), accepted(job, 3)]
    await put_slots(services, *of_tenant(services, *slots))
    told = (await client.get(f"/v1/jobs/{job}")).json()
    assert told["accepted_per_minute"] > 0
    assert (told["given_up_by_class"], told["rounds"][0]["accepted"]) == ({"refusal": 1}, 3)
    await change_job(services.store, services.settings.tenant, job, lambda _: {"state": JobState.FAILED})

    extended = (await other.post(f"/v1/jobs/{job}/extend", json={"records": 6})).json()
    assert (extended["records"], extended["extended_from"]) == (6, [4])
    await worked(services)
    more = [accepted(job, slot, round=extended["round"]) for slot in (4, 5)]
    await put_slots(services, *of_tenant(services, *more))
    await change_job(services.store, services.settings.tenant, job, lambda _: {"state": JobState.FAILED})

    retry = {"classes": ["refusal"], "model": {"route": "mock/two"}}
    retried = (await client.post(f"/v1/jobs/{job}/retry", json=retry)).json()
    assert (retried["outcome"], retried["slots"], retried["job"]["revisions"][0]["model"]["route"]) == (
        "replayed",
        1,
        "mock/two",
    )
    await worked(services)
    assert await events(services, "job.extended") == ["api"]
    after = (await other.get(f"/v1/jobs/{job}")).json()
    assert (after["requested"], after["accepted"], after["pending"] + after["exhausted"]) == (6, 5, 1)
    assert [each["round"] for each in after["rounds"]] == [1, extended["round"], retried["round"]]
