"""Datasets over HTTP: what is released, by version, and the records that each version shows."""

from typing import Any

import httpx
import pytest

from synthmill.jobs.release import release
from tests.support.api import Api, problem
from tests.support.jobs import TENANT, accepted
from tests.support.made import made_job, put_slots


async def released(api: Api, job_id: str, colour: str, *seeds: str) -> None:
    await made_job(api.services, job_id=job_id, records=len(seeds))
    slots = [
        accepted(job_id, slot, seed_id=seed, data={"colour": colour, "poem": f"of {seed}"})
        for slot, seed in enumerate(seeds)
    ]
    await put_slots(api.services, *slots)
    await release(api.services, TENANT, job_id)


@pytest.fixture
async def client(api: Api, client: httpx.AsyncClient) -> httpx.AsyncClient:
    """Of a dataset with two versions: two red records, one of them replaced by a blue one."""
    await released(api, "first", "red", "a", "b")
    await released(api, "second", "blue", "b")
    return client


async def poems(client: httpx.AsyncClient, **params: Any) -> list[tuple[str, str]]:  # noqa: ANN401  any query
    response = await client.get("/v1/datasets/colours/records", params=params)
    assert response.status_code == 200, response.text
    return sorted((item["data"]["poem"], item["data"]["colour"]) for item in response.json()["items"])


async def test_a_version_is_searched_and_the_latest_by_default(client: httpx.AsyncClient) -> None:
    assert await poems(client) == await poems(client, version="latest") == await poems(client, version=2)
    assert await poems(client) == [("of a", "red"), ("of b", "blue")]
    assert await poems(client, version=1) == [("of a", "red"), ("of b", "red")]
    assert await poems(client, version=1, filter="colour=blue") == []
    assert await poems(client, q="b") == [("of b", "blue")]
    facets = (await client.get("/v1/datasets/colours/records", params={"facet": "colour"})).json()["facets"]
    assert facets == {"colour": {"blue": 1, "red": 1}}


async def test_a_record_is_read_in_the_versions_that_show_it(client: httpx.AsyncClient) -> None:
    for version, status in (("1", 200), ("2", 404), ("latest", 404)):
        response = await client.get("/v1/datasets/colours/records/first-1", params={"version": version})
        assert response.status_code == status
    record = (await client.get("/v1/datasets/colours/records/second-0")).json()
    assert (record["data"]["colour"], record["provenance"]["model"]) == ("blue", "mock")


async def test_datasets_and_versions_are_listed_with_their_numbers(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/v1/datasets")).json()["items"]
    assert [(item["name"], item["latest"]) for item in listed] == [("colours", 2)]
    versions = (await client.get("/v1/datasets/colours/versions")).json()["items"]
    shown = [(v["version"], v["records"], v["added"], v["ended"], v["job_id"]) for v in versions]
    assert shown == [(2, 2, 1, 1, "second"), (1, 2, 2, 0, "first")]


@pytest.mark.parametrize("path", ["nothing/versions", "nothing/records", "colours/records?version=3"])
async def test_what_was_not_released_is_not_there(client: httpx.AsyncClient, path: str) -> None:
    problem(await client.get(f"/v1/datasets/{path}"), 404, "not_found")
