"""Finding a job among many: by state, dataset, label, time and words, in an order, page by page."""

from typing import Any

import httpx
import pytest

from tests.support.api import problem
from tests.support.jobs import recipe


async def ordered(client: httpx.AsyncClient, name: str, description: str = "", **labels: str) -> str:
    data: dict[str, Any] = recipe(name=name, description=description).recipe.model_dump(mode="json", by_alias=True)
    answer = await client.post("/v1/jobs", json={"recipe": data, "labels": labels})
    assert answer.status_code == 202, answer.text
    id_: str = answer.json()["id"]
    return id_


async def listed(client: httpx.AsyncClient, **params: Any) -> list[str]:  # noqa: ANN401  as the API takes it
    answer = await client.get("/v1/jobs", params=params)
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.json()["items"]]


@pytest.fixture
async def jobs(client: httpx.AsyncClient) -> list[str]:
    """Three jobs, the first paused."""
    first = await ordered(client, "poems", "Verses for children", team="books", **{"cost-center": "7"})
    second = await ordered(client, "letters", "Verses of poets", team="books")
    third = await ordered(client, "adverts", team="shop window")
    await client.post(f"/v1/jobs/{first}/pause")
    return [first, second, third]


async def test_jobs_are_found_by_label_words_and_time(client: httpx.AsyncClient, jobs: list[str]) -> None:
    first, second, third = jobs
    assert await listed(client, label="team:books") == [second, first]
    assert await listed(client, label=["team:books", "cost-center:7"]) == [first]
    assert await listed(client, label="team:nobody") == []
    assert await listed(client, q="verses") == [second, first]
    assert await listed(client, q="CHILDREN verses") == [first]
    assert await listed(client, q="window") == [third]
    at = (await client.get(f"/v1/jobs/{second}")).json()["created_at"]
    assert await listed(client, created_from=at) == [third, second]
    assert await listed(client, created_to=at) == [second, first]
    assert await listed(client, created_from=at, created_to=at, state="planned", dataset="letters") == [second]


async def test_jobs_come_in_the_order_that_is_asked_for(client: httpx.AsyncClient, jobs: list[str]) -> None:
    first, second, third = jobs
    assert await listed(client, sort="created_at") == jobs
    assert await listed(client, sort="dataset") == [third, second, first]
    assert (await listed(client, sort="-updated_at"))[0] == first
    page = (await client.get("/v1/jobs", params={"sort": "dataset", "limit": 2})).json()
    rest = await client.get("/v1/jobs", params={"sort": "dataset", "limit": 2, "cursor": page["cursor"]})
    assert [job["id"] for job in (*page["items"], *rest.json()["items"])] == [third, second, first]
    assert (page["total"], rest.json()["cursor"]) == (3, None)


@pytest.mark.parametrize(
    "params",
    [
        {"sort": "recipe"},
        {"label": "a.b:c"},
        {"label": "a'b:c"},
        {"created_from": "yesterday"},
        {"state": "sleeping"},
    ],
)
async def test_what_cannot_be_asked_for_is_a_422(client: httpx.AsyncClient, params: dict[str, str]) -> None:
    problem(await client.get("/v1/jobs", params=params), 422, "invalid_request")


async def test_a_job_tells_its_rate_its_end_and_its_rounds(client: httpx.AsyncClient, jobs: list[str]) -> None:
    told = (await client.get(f"/v1/jobs/{jobs[1]}")).json()
    assert (told["accepted_per_minute"], told["eta_seconds"], told["given_up_by_class"]) == (0.0, None, {})
    assert told["rounds"] == [
        {
            "round": 1,
            "accepted": 0,
            "rejected": 0,
            "llm_calls": 0,
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "cost_usd": 0.0,
        }
    ]
