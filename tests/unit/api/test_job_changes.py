"""Changing a job over HTTP: more records, and another round for what was given up, as before or by another model."""

from typing import Any

import httpx
import pytest

from synthmill.jobs.documents import change_job
from synthmill_schemas.job import JobState
from synthmill_schemas.slot import RejectClass
from tests.support.api import Api, problem
from tests.support.jobs import TENANT, accepted, exhausted, recipe, store_slots
from tests.support.uploads import taken, worked


@pytest.fixture
async def job(api: Api, client: httpx.AsyncClient) -> str:
    """Four records wanted: two are there, two were given up, and the job has failed."""
    body = {"recipe": recipe().recipe.model_dump(mode="json")}
    id_: str = (await client.post("/v1/jobs", json=body)).json()["id"]
    await worked(api.services)
    await taken(api.services)
    slots = [exhausted(id_, 2, RejectClass.REFUSAL), exhausted(id_, 3, RejectClass.SCHEMA)]
    await store_slots(api.services, accepted(id_, 0), accepted(id_, 1), *slots)
    await change_job(api.services.store, TENANT, id_, lambda _: {"state": JobState.FAILED})
    return id_


async def posted(client: httpx.AsyncClient, job: str, what: str, body: dict[str, Any]) -> httpx.Response:
    return await client.post(f"/v1/jobs/{job}/{what}", json=body)


async def test_a_job_is_extended_and_shows_what_it_was(api: Api, client: httpx.AsyncClient, job: str) -> None:
    answer = await posted(client, job, "extend", {"records": 6})
    assert answer.status_code == 202, answer.text
    assert (answer.json()["records"], answer.json()["extended_from"]) == (6, [4])
    await worked(api.services)
    progress = (await client.get(f"/v1/jobs/{job}")).json()
    counts = {name: progress[name] for name in ("requested", "accepted", "exhausted", "pending")}
    assert counts == {"requested": 6, "accepted": 2, "exhausted": 2, "pending": 2}
    assert len(await taken(api.services)) == 2
    problem(await posted(client, job, "extend", {"records": 5}), 409, "job_state")
    problem(await posted(client, job, "extend", {"records": 0}), 422, "invalid_request")


async def test_a_retry_by_another_model_is_in_the_job_and_in_its_requests(
    api: Api, client: httpx.AsyncClient, job: str
) -> None:
    answer = await posted(client, job, "retry", {"classes": ["refusal"], "model": {"route": "mock/two"}})
    assert answer.status_code == 202, answer.text
    told = answer.json()
    assert (told["outcome"], told["slots"]) == ("replayed", 1)
    (revision,) = told["job"]["revisions"]
    assert (revision["from_round"], revision["model"]["route"], revision["prompts"]) == (told["round"], "mock/two", {})
    await worked(api.services)
    (body,) = await taken(api.services)
    assert b'"route":"mock/two"' in body
    assert revision["recipe_hash"].encode() in body
    await store_slots(api.services, accepted(job, 2, round=told["round"]))
    assert (await client.get(f"/v1/jobs/{job}")).json()["accepted"] == 3


async def test_what_the_operator_does_not_allow_is_refused_here_as_in_a_recipe(
    client: httpx.AsyncClient, job: str
) -> None:
    model = {"route": "mock/two", "base_url": "http://169.254.169.254/v1", "api_key_env": "SYNTHMILL_API__SECRET"}
    told = problem(await posted(client, job, "retry", {"model": model}), 422, "recipe_invalid")
    assert [fault["path"] for fault in told["faults"]] == ["model.base_url", "model.api_key_env"]
    told = problem(await posted(client, job, "retry", {"prompts": {"poem": "{{ x", "y": "z"}}), 422, "recipe_invalid")
    assert sorted(fault["path"] for fault in told["faults"]) == ["prompts.poem", "prompts.y"]
    problem(await posted(client, job, "retry", {"columns": []}), 422, "invalid_request")
    assert (await client.get(f"/v1/jobs/{job}")).json()["revisions"] == []


async def test_nobody_elses_job_is_changed(stranger: httpx.AsyncClient, job: str) -> None:
    problem(await posted(stranger, job, "extend", {"records": 9}), 404, "not_found")
    problem(await posted(stranger, job, "retry", {}), 404, "not_found")


async def test_a_running_job_is_not_retried(client: httpx.AsyncClient, job: str) -> None:
    assert (await posted(client, job, "retry", {})).json()["outcome"] == "replayed"
    assert (await posted(client, job, "retry", {})).json()["outcome"] == "already"
    problem(await posted(client, job, "retry", {"model": {"route": "mock/two"}}), 409, "job_state")
