"""Small jobs over HTTP: planned while the client waits, straight to the consumers, by the code that workers plan by."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from synthmill.ports.broker import Queue
from synthmill.ports.records import Collection
from synthmill.runs.wishes import Wish, find_wish
from synthmill_schemas.generation import GenerationRequest
from tests.support.api import Api, problem, started
from tests.support.jobs import TENANT, recipe
from tests.support.services import free_port
from tests.support.uploads import job_of, recipe_data, stored, taken, worked

PLAIN: dict[str, Any] = {"recipe": recipe().recipe.model_dump(mode="json")}
"""Four records without an input."""

ROWS: dict[str, Any] = {"recipe": recipe_data(), "rows": [{"title": "lamp"}, {"title": "désk \u2028"}]}


async def ordered(client: httpx.AsyncClient, body: dict[str, Any], key: str | None = None) -> dict[str, Any]:
    response = await client.post("/v1/jobs", json=body, headers={} if key is None else {"idempotency-key": key})
    assert response.status_code == 202, response.text
    job: dict[str, Any] = response.json()
    return job


def meant(body: bytes, job_id: str) -> dict[str, Any]:
    """What a request asks for, whatever its job is called and whoever traces it."""
    told: dict[str, Any] = GenerationRequest.model_validate_json(body).model_dump(mode="json")
    told["request_id"] = told["request_id"].removeprefix(job_id)
    return {name: value for name, value in told.items() if name not in ("job_id", "traceparent")}


@pytest.mark.parametrize("body", [PLAIN, ROWS], ids=["plain", "rows"])
async def test_a_small_job_is_planned_when_the_answer_comes_as_a_worker_would_plan_it(
    api: Api, client: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    here = await ordered(client, body)
    assert here["state"] == "planned"
    mine = [meant(one, here["id"]) for one in await taken(api.services)]
    by_queue = api.runtime.services.settings.job.model_copy(update={"slots_at_once": 0})
    object.__setattr__(api.services.settings, "job", by_queue)
    there = await ordered(client, body)
    assert there["state"] == "published"
    await worked(api.services)
    theirs = [meant(one, there["id"]) for one in await taken(api.services)]
    assert mine == theirs
    assert len(mine) == here["records"]


async def test_rows_leave_no_file_behind_once_they_are_seeds(api: Api, client: httpx.AsyncClient) -> None:
    job = await ordered(client, ROWS)
    assert [seed["data"] for seed in await stored(api.services, Collection.INPUTS)] == ROWS["rows"]
    assert [item async for item in api.services.objects.list("tmp/")] == []
    assert (await job_of(api.services, job["id"])).temporary_files == "deleted"


async def test_more_slots_than_a_client_should_wait_for_go_through_the_queue(
    api: Api, client: httpx.AsyncClient
) -> None:
    assert (await ordered(client, {**PLAIN, "records": 1_000}))["state"] == "planned"
    assert (await ordered(client, {**PLAIN, "records": 1_001}))["state"] == "published"


@pytest.mark.parametrize("body", [PLAIN, ROWS], ids=["plain", "rows"])
async def test_twenty_identical_requests_at_once_are_one_job_planned_once(
    api: Api, client: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    jobs = await asyncio.gather(*(ordered(client, body, "order-7") for _ in range(20)))
    assert len({job["id"] for job in jobs}) == 1
    assert {job["state"] for job in jobs} == {"planned"}
    assert (await api.services.broker.depth(Queue.GENERATION)).ready == jobs[0]["records"]
    assert (await api.services.broker.depth(Queue.JOBS)).ready == 1  # for a worker to follow it
    planned = await stored(api.services, Collection.EVENTS, name="job.planned")
    assert [(event["service"], event["tenant"]) for event in planned] == [("api", TENANT)]


async def test_what_the_planner_would_refuse_is_refused_before_there_is_a_job(client: httpx.AsyncClient) -> None:
    endless = {"recipe": recipe_data(columns=[{"name": "poem", "kind": "llm", "prompt": "A poem."}])}
    problem(await client.post("/v1/jobs", json=endless), 422, "recipe_invalid")
    assert (await client.get("/v1/jobs")).json()["total"] == 0


async def test_while_prefect_is_down_jobs_are_made_and_their_runs_are_left_for_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHMILL_PREFECT__URL", f"http://127.0.0.1:{free_port()}/api")
    async with started(tmp_path) as api, await api.client() as client:
        job = await ordered(client, PLAIN)
        assert (job["state"], job["flow_run_id"]) == ("planned", None)
        wish = await find_wish(api.services.store, TENANT, job["id"])
        assert wish is not None
        assert wish.wish is Wish.CREATE  # reconcile tells it, as tests over a real server show


async def test_rows_of_which_none_can_be_used_fail_the_job_with_the_reason(client: httpx.AsyncClient) -> None:
    job = await ordered(client, {"recipe": recipe_data(), "rows": [{"title": None}]})
    assert job["state"] == "failed"
    assert "title is missing" in job["reason"]
