"""Caps over HTTP: given with a job, changed while it lives, refused where nobody says what a token costs."""

from typing import Any

import httpx

from synthmill.jobs.account import change_account, open_account
from synthmill.jobs.caps import pause_by_budget
from synthmill_schemas.budget import Amount, SpendingDocument
from synthmill_schemas.job import JobState
from tests.support.api import Api, problem
from tests.support.jobs import TENANT, recipe
from tests.support.uploads import job_of

PLAIN: dict[str, Any] = {"recipe": recipe().recipe.model_dump(mode="json")}


async def capped(client: httpx.AsyncClient, **caps: float) -> str:
    response = await client.post("/v1/jobs", json={**PLAIN, **caps})
    assert response.status_code == 202, response.text
    id_: str = response.json()["id"]
    return id_


async def spent(api: Api, job_id: str, tokens: int) -> None:
    await open_account(api.services.store, await job_of(api.services, job_id))

    def decide(account: SpendingDocument) -> SpendingDocument:
        return account.model_copy(update={"reported": Amount(tokens=tokens), "lost": Amount(tokens=7)})

    await change_account(api.services.store, TENANT, job_id, decide)


async def test_a_job_tells_its_caps_and_what_its_calls_took(api: Api, client: httpx.AsyncClient) -> None:
    job_id = await capped(client, max_tokens=5_000)
    await spent(api, job_id, 1_200)
    job = (await client.get(f"/v1/jobs/{job_id}")).json()
    assert (job["max_tokens"], job["max_usd"]) == (5_000, None)
    budget = (await client.get(f"/v1/jobs/{job_id}/budget")).json()
    assert (budget["spent_tokens"], budget["assumed_tokens"], budget["reserved_tokens"]) == (1_207, 7, 0)
    assert (budget["max_tokens"], budget["used_up"]) == (5_000, False)
    plain = (await client.get(f"/v1/jobs/{await capped(client)}/budget")).json()
    assert (plain["max_tokens"], plain["spent_tokens"]) == (None, 0)


async def test_a_higher_cap_lets_a_job_go_on_that_its_budget_paused(api: Api, client: httpx.AsyncClient) -> None:
    job_id = await capped(client, max_tokens=1_000)
    await spent(api, job_id, 993)
    await pause_by_budget(api.services.store, await job_of(api.services, job_id), "none is left", by="bridge")
    paused = (await client.get(f"/v1/jobs/{job_id}")).json()
    assert paused["state"] == "paused"
    assert f"PATCH /v1/jobs/{job_id}" in paused["reason"]
    refused = problem(await client.post(f"/v1/jobs/{job_id}/resume"), 409, "job_state")
    assert "its budget is used up" in refused["detail"]
    changed = await client.patch(f"/v1/jobs/{job_id}", json={"max_tokens": 3_000})
    assert changed.status_code == 200, changed.text
    assert (changed.json()["state"], changed.json()["round"], changed.json()["reason"]) == ("published", 2, None)


async def test_a_cap_below_what_is_spent_pauses_the_job(api: Api, client: httpx.AsyncClient) -> None:
    job_id = await capped(client, max_tokens=5_000)
    await spent(api, job_id, 1_200)
    changed = (await client.patch(f"/v1/jobs/{job_id}", json={"max_tokens": 1_000})).json()
    assert changed["state"] == "paused"
    assert (await client.get(f"/v1/jobs/{job_id}/budget")).json()["used_up"]
    assert (await job_of(api.services, job_id)).state is JobState.PAUSED


async def test_dollars_cannot_be_capped_where_nobody_says_what_tokens_cost(client: httpx.AsyncClient) -> None:
    refused = problem(await client.post("/v1/jobs", json={**PLAIN, "max_usd": 2.5}), 422, "price_unknown")
    assert "model.price" in refused["detail"]
    job_id = await capped(client)
    problem(await client.patch(f"/v1/jobs/{job_id}", json={"max_usd": 2.5}), 422, "price_unknown")
    price = {"input_per_million": 1.0, "output_per_million": 4.0}
    model = {**PLAIN["recipe"]["model"], "price": price}
    priced = await client.post("/v1/jobs", json={"recipe": {**PLAIN["recipe"], "model": model}, "max_usd": 2.5})
    budget = (await client.get(f"/v1/jobs/{priced.json()['id']}/budget")).json()
    assert (budget["price"], budget["price_source"], budget["max_usd"]) == (price, "recipe", 2.5)


async def test_what_cannot_be_a_cap_is_refused(client: httpx.AsyncClient) -> None:
    job_id = await capped(client)
    for body in ({}, {"max_tokens": 0}, {"max_usd": -1}, {"max_seconds": 5}):
        problem(await client.patch(f"/v1/jobs/{job_id}", json=body), 422, "invalid_request")
