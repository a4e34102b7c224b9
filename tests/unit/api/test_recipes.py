"""Recipes: all faults at once, every change a version, and no word about where to connect to."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from synthmill_api.recipes.endpoints import EXAMPLE
from tests.support.api import Api, problem, started

JSON = {"content-type": "application/json"}


def changed(**changes: object) -> dict[str, Any]:
    return {**EXAMPLE, **changes}


async def test_a_good_recipe_is_told_what_it_comes_to(client: httpx.AsyncClient) -> None:
    checked = (await client.post("/v1/recipes/validate", json=EXAMPLE)).json()
    assert checked["needs_input"] is True
    assert checked["input_fields"] == ["title"]
    assert checked["columns"] == ["title", "tone", "copy"]
    assert checked["record_schema"]["properties"]["tone"]["enum"] == ["dry", "warm"]


@pytest.mark.parametrize("path", ["/v1/recipes/validate", "/v1/recipes"])
async def test_every_fault_is_told_at_once_with_its_place(client: httpx.AsyncClient, path: str) -> None:
    faulty = changed(name="Bad Name", target={"records": 0})
    body = problem(await client.post(path, json=faulty), 422, "recipe_invalid")
    assert {fault["path"] for fault in body["faults"]} >= {"name", "target.records"}
    assert all(fault["message"] and fault["hint"] for fault in body["faults"])


@pytest.mark.parametrize("data", [[], "text", 7, {}, {"version": 2}])
async def test_what_is_no_recipe_at_all_is_a_fault_too(client: httpx.AsyncClient, data: object) -> None:
    response = await client.post("/v1/recipes", json=data)
    assert response.status_code == 422
    assert response.json()["faults"]


async def test_a_body_that_is_not_json_or_nests_without_end_is_unreadable(client: httpx.AsyncClient) -> None:
    for content in ("{", "[" * 50_000):
        problem(await client.post("/v1/recipes", content=content, headers=JSON), 400, "unreadable_request")


async def test_a_body_that_does_not_say_that_it_is_json_is_told_to(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/recipes", content="{}", headers={"content-type": "text/plain"})
    problem(response, 415, "unsupported_media_type")


async def test_a_body_above_the_limit_is_refused(client: httpx.AsyncClient) -> None:
    problem(await client.post("/v1/recipes", json=changed(description="x" * 200_000)), 413, "too_large")


async def test_a_change_is_a_new_version_and_the_same_again_is_not(client: httpx.AsyncClient) -> None:
    first = await client.post("/v1/recipes", json=EXAMPLE)
    assert (first.status_code, first.json()["version"]) == (201, 1)
    again = await client.post("/v1/recipes", json=EXAMPLE)
    assert (again.status_code, again.json()) == (200, first.json())
    second = await client.post("/v1/recipes", json=changed(seed=9))
    assert (second.status_code, second.json()["version"]) == (201, 2)
    assert (await client.get("/v1/recipes/product_copy")).json() == second.json()
    assert (await client.get(first.headers["location"])).json() == first.json()
    problem(await client.get("/v1/recipes/product_copy/versions/3"), 404, "not_found")


async def test_writers_at_once_get_versions_one_after_the_other(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(client.post("/v1/recipes", json=changed(seed=n)) for n in range(8)))
    assert sorted(answer.json()["version"] for answer in answers) == list(range(1, 9))


async def test_versions_are_listed_newest_first_of_all_recipes_or_of_one(client: httpx.AsyncClient) -> None:
    for data in (EXAMPLE, changed(seed=9), changed(name="other")):
        await client.post("/v1/recipes", json=data)
    listed = (await client.get("/v1/recipes")).json()
    assert [(item["name"], item["version"]) for item in listed["items"]] == [
        ("other", 1),
        ("product_copy", 2),
        ("product_copy", 1),
    ]
    one = (await client.get("/v1/recipes", params={"name": "product_copy", "limit": 1})).json()
    assert one["total"] == 2
    assert one["items"][0]["version"] == 2


async def test_another_tenant_has_names_and_versions_of_its_own(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    await client.post("/v1/recipes", json=EXAMPLE)
    problem(await stranger.get("/v1/recipes/product_copy"), 404, "not_found")
    assert (await stranger.get("/v1/recipes")).json()["total"] == 0
    assert (await stranger.post("/v1/recipes", json=changed(seed=9))).json()["version"] == 1


async def test_addresses_and_secrets_of_ours_are_refused_unless_the_operator_allows_them(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    model = {"route": "x/y", "base_url": "http://169.254.169.254/v1", "api_key_env": "AWS_SECRET_ACCESS_KEY"}
    body = problem(await client.post("/v1/recipes/validate", json=changed(model=model)), 422, "recipe_invalid")
    assert [fault["path"] for fault in body["faults"]] == ["model.base_url", "model.api_key_env"]
    allowed = {"model_urls": ["http://169.254.169.254/v1/"], "model_key_variables": ["AWS_SECRET_ACCESS_KEY"]}
    async with started(tmp_path / "other", **allowed) as api, await api.client() as caller:
        assert (await caller.post("/v1/recipes/validate", json=changed(model=model))).status_code == 200


async def test_a_store_that_does_not_answer_is_a_503_with_a_time_to_come_back(
    api: Api, client: httpx.AsyncClient
) -> None:
    await api.services.database.close()
    response = await client.post("/v1/recipes", json=EXAMPLE)
    problem(response, 503, "store_unavailable")
    assert int(response.headers["retry-after"]) > 0
