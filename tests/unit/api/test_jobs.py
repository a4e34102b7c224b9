"""Jobs over HTTP: made once, confirmed by the broker, counted from facts, stopped and resumed."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from synthmill.jobs.documents import change_job
from synthmill.ports.broker import Queue
from synthmill.ports.records import Collection
from synthmill_schemas.job import JobDocument, JobMessage, JobState
from synthmill_schemas.slot import RejectClass
from tests.support.api import Api, broker_failing, problem
from tests.support.jobs import accepted, exhausted, recipe, store_slots
from tests.support.uploads import CSV, job_of, recipe_data, stored, worked

PLAIN: dict[str, Any] = {"recipe": recipe().recipe.model_dump(mode="json")}
"""Four records without an input."""


async def queued(api: Api) -> int:
    return (await api.services.broker.depth(Queue.JOBS)).ready


async def source_of(client: httpx.AsyncClient, data: bytes = CSV, name: str = "products.csv") -> str:
    id_: str = (await client.post("/v1/sources", params={"name": name}, content=data)).json()["id"]
    return id_


async def created(client: httpx.AsyncClient, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    response = await client.post("/v1/jobs", json=body, headers=headers)
    assert response.status_code == 202, response.text
    job: dict[str, Any] = response.json()
    assert response.headers["location"] == f"/v1/jobs/{job['id']}"
    return job


async def test_a_job_on_a_file_is_published_when_the_answer_comes(api: Api, client: httpx.AsyncClient) -> None:
    body = {"recipe": recipe_data(), "sources": [await source_of(client)], "labels": {"team": "search"}}
    job = await created(client, body)
    assert job["state"] == "published"
    assert job["labels"] == {"team": "search"}
    async with api.services.broker.consume(Queue.JOBS, prefetch=1) as consumption:
        delivery = await anext(aiter(consumption))
    assert JobMessage.model_validate_json(delivery.message.body).job_id == job["id"]


async def test_a_stored_recipe_and_a_source_become_planned_slots(api: Api, client: httpx.AsyncClient) -> None:
    await client.post("/v1/recipes", json=recipe_data())
    source = await source_of(client)
    body = {"stored_recipe": {"name": "products"}, "sources": [source], "records": 5}
    job = await created(client, body)
    await client.delete(f"/v1/sources/{source}")
    await worked(api.services)
    progress = (await client.get(f"/v1/jobs/{job['id']}")).json()
    assert progress["state"] == "planned"
    assert progress["requested"] == 5
    assert progress["pending"] == 5
    assert progress["sources"][0]["name"] == "products.csv"
    assert progress["sources"][0]["seeds"] == 3


async def test_rows_of_the_request_are_an_input_like_any_other(api: Api, client: httpx.AsyncClient) -> None:
    job = await created(client, {"recipe": recipe_data(), "rows": [{"title": "lamp"}, {"title": "désk \u2028"}]})
    await worked(api.services)
    seeds = await stored(api.services, Collection.INPUTS)
    assert [seed["data"] for seed in seeds] == [{"title": "lamp"}, {"title": "désk \u2028"}]
    assert (await client.get(f"/v1/jobs/{job['id']}")).json()["requested"] == 2


async def test_twenty_requests_with_one_key_are_one_job(api: Api, client: httpx.AsyncClient) -> None:
    source = await source_of(client)
    body = {"recipe": recipe_data(), "sources": [source]}
    jobs = await asyncio.gather(*(created(client, body, **{"idempotency-key": "order-7"}) for _ in range(20)))
    assert len({job["id"] for job in jobs}) == 1
    assert await queued(api) == 1


async def test_a_job_is_asked_for_again_by_its_key_when_its_recipe_and_its_file_are_gone(
    api: Api, client: httpx.AsyncClient
) -> None:
    recipe, headers = recipe_data(), {"idempotency-key": "order-7"}
    assert (await client.post("/v1/recipes", json=recipe)).status_code == 201
    body = {"stored_recipe": {"name": recipe["name"]}, "sources": [await source_of(client)]}
    first = await created(client, body, **headers)
    await worked(api.services)
    await api.services.objects.delete_prefix("tmp/sources/")
    assert (await client.delete(f"/v1/recipes/{recipe['name']}")).is_success
    again = await created(client, body, **headers)
    assert (again["id"], again["state"]) == (first["id"], "planned")
    problem(await client.post("/v1/jobs", json={**body, "records": 1}, headers=headers), 409, "idempotency_key_reused")
    problem(await client.post("/v1/jobs", json=body), 404, "not_found")


async def test_the_same_key_with_another_body_is_refused_and_changes_nothing(
    api: Api, client: httpx.AsyncClient
) -> None:
    source = await source_of(client)
    other = await source_of(client, b"title\nsofa\n")
    headers = {"idempotency-key": "order-7"}
    first = await created(client, {"recipe": recipe_data(), "sources": [source]}, **headers)
    for body in ({"recipe": recipe_data(), "sources": [other]}, {"recipe": recipe_data(seed=5), "sources": [source]}):
        problem(await client.post("/v1/jobs", json=body, headers=headers), 409, "idempotency_key_reused")
    document = await job_of(api.services, first["id"])
    assert [item.key async for item in api.services.objects.list(f"tmp/{first['id']}/")] == [
        source.object_key for source in document.sources
    ]
    assert await queued(api) == 1


async def test_two_bodies_with_one_key_at_once_make_one_job_on_its_own_input(
    api: Api, client: httpx.AsyncClient
) -> None:
    sources = [await source_of(client, f"title\nsofa {n}\n".encode()) for n in range(6)]
    bodies = [{"recipe": recipe_data(), "sources": [source]} for source in sources]
    headers = {"idempotency-key": "k"}
    answers = await asyncio.gather(*(client.post("/v1/jobs", json=body, headers=headers) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 5
    await worked(api.services)
    winner = next(n for n, answer in enumerate(answers) if answer.status_code == 202)
    seeds = await stored(api.services, Collection.INPUTS)
    assert [seed["data"] for seed in seeds] == [{"title": f"sofa {winner}"}]


async def test_the_same_key_of_two_tenants_is_two_jobs(client: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "order-7"}
    assert (await created(client, PLAIN, **headers))["id"] != (await created(stranger, PLAIN, **headers))["id"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid_request"),
        ({**PLAIN, "stored_recipe": {"name": "x"}}, 422, "invalid_request"),
        ({**PLAIN, "tenant": "acme"}, 422, "invalid_request"),
        ({**PLAIN, "rows": [{}] * 1_001}, 422, "invalid_request"),
        ({"recipe": {"version": 1}}, 422, "recipe_invalid"),
        ({"recipe": recipe_data()}, 422, "input_unusable"),
        ({**PLAIN, "rows": [{"a": 1}]}, 422, "input_unusable"),
        ({"stored_recipe": {"name": "nobodys"}}, 404, "not_found"),
        ({"recipe": recipe_data(), "sources": ["src_nobodys"]}, 404, "not_found"),
    ],
)
async def test_a_request_that_cannot_be_served_leaves_no_job(
    api: Api, client: httpx.AsyncClient, body: dict[str, Any], status: int, code: str
) -> None:
    problem(await client.post("/v1/jobs", json=body), status, code)
    assert (await client.get("/v1/jobs")).json()["total"] == 0
    assert [item async for item in api.services.objects.list("tmp/")] == []


async def test_a_source_whose_file_was_swept_is_told_as_gone(api: Api, client: httpx.AsyncClient) -> None:
    source = await source_of(client)
    await api.services.objects.delete_prefix("tmp/sources/")
    body = {"recipe": recipe_data(), "sources": [source]}
    problem(await client.post("/v1/jobs", json=body), 410, "source_gone")
    assert (await client.get("/v1/jobs")).json()["total"] == 0


async def test_a_broker_that_is_down_is_a_503_and_no_half_made_job(api: Api, client: httpx.AsyncClient) -> None:
    with broker_failing(api, "depth"):
        response = await client.post("/v1/jobs", json=PLAIN)
    problem(response, 503, "broker_unavailable")
    assert response.headers["retry-after"]
    assert (await client.get("/v1/jobs")).json()["total"] == 0


async def test_a_broker_lost_on_the_way_leaves_only_what_can_be_asked_for_again(
    api: Api, client: httpx.AsyncClient
) -> None:
    with broker_failing(api, "publish"):
        problem(await client.post("/v1/jobs", json=PLAIN), 503, "broker_unavailable")
        keyed = await client.post("/v1/jobs", json=PLAIN, headers={"idempotency-key": "k"})
        problem(keyed, 503, "broker_unavailable")
    states = [job["state"] for job in (await client.get("/v1/jobs")).json()["items"]]
    assert sorted(states) == ["cancelled", "publishing"]
    assert (await created(client, PLAIN, **{"idempotency-key": "k"}))["state"] == "planned"
    assert await queued(api) == 1


async def test_the_numbers_add_up(api: Api, client: httpx.AsyncClient) -> None:
    job = await created(client, PLAIN)
    id_ = job["id"]
    await worked(api.services)
    await store_slots(api.services, accepted(id_, 0), accepted(id_, 1), exhausted(id_, 2, RejectClass.REFUSAL))
    progress = (await client.get(f"/v1/jobs/{id_}")).json()
    assert progress["requested"] == 4
    assert {name: progress[name] for name in ("accepted", "exhausted", "parked", "pending")} == {
        "accepted": 2,
        "exhausted": 1,
        "parked": 0,
        "pending": 1,
    }


async def test_a_cancelled_job_stays_so_until_it_is_resumed(api: Api, client: httpx.AsyncClient) -> None:
    path = f"/v1/jobs/{(await created(client, PLAIN))['id']}"
    for _ in range(2):
        assert (await client.post(f"{path}/cancel")).json()["state"] == "cancelled"
    response = await client.post(f"{path}/resume")
    assert response.status_code == 202
    assert (response.json()["state"], response.json()["round"]) == ("published", 2)
    assert await queued(api) == 2


async def test_a_paused_job_rests_until_it_is_resumed(api: Api, client: httpx.AsyncClient) -> None:
    path = f"/v1/jobs/{(await created(client, PLAIN))['id']}"
    for _ in range(2):
        job = (await client.post(f"{path}/pause")).json()
        assert (job["state"], job["reason"]) == ("paused", "paused through the API; resume it to go on")
    assert (await client.post(f"{path}/resume")).json()["round"] == 2
    assert (await client.post(f"{path}/cancel")).json()["state"] == "cancelled"
    problem(await client.post(f"{path}/pause"), 409, "job_state")
    assert await queued(api) == 2


async def test_a_job_shows_its_run_once_it_has_one(api: Api, client: httpx.AsyncClient) -> None:
    job = await created(client, PLAIN)
    assert (job["flow_run_id"], job["flow_run_url"]) == (None, None)
    await change_job(api.services.store, "default", job["id"], lambda _: {"flow_run_id": "run-1"})
    assert (await client.get(f"/v1/jobs/{job['id']}")).json()["flow_run_id"] == "run-1"


async def test_a_finished_job_can_be_neither_cancelled_nor_made_twice(api: Api, client: httpx.AsyncClient) -> None:
    job = await created(client, PLAIN)

    def finish(_: JobDocument) -> dict[str, JobState]:
        return {"state": JobState.COMPLETED}

    await change_job(api.services.store, "default", job["id"], finish)
    problem(await client.post(f"/v1/jobs/{job['id']}/cancel"), 409, "job_state")
    assert (await client.post(f"/v1/jobs/{job['id']}/resume")).json()["state"] == "completed"


async def test_jobs_are_listed_newest_first_and_by_state(client: httpx.AsyncClient) -> None:
    first, second = await created(client, PLAIN), await created(client, PLAIN)
    await client.post(f"/v1/jobs/{first['id']}/cancel")
    listed = (await client.get("/v1/jobs")).json()
    assert [job["id"] for job in listed["items"]] == [second["id"], first["id"]]
    running = (await client.get("/v1/jobs", params={"state": ["published", "planned"]})).json()
    assert [job["id"] for job in running["items"]] == [second["id"]]
    assert (await client.get("/v1/jobs", params={"dataset": "nothing"})).json()["total"] == 0


async def test_another_tenant_neither_sees_nor_moves_a_job(
    api: Api, client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    job = await created(client, PLAIN)
    for method, path in [("GET", ""), ("POST", "/cancel"), ("POST", "/resume")]:
        problem(await stranger.request(method, f"/v1/jobs/{job['id']}{path}"), 404, "not_found")
    source = await source_of(client)
    body = {"recipe": recipe_data(), "sources": [source]}
    problem(await stranger.post("/v1/jobs", json=body), 404, "not_found")
    assert (await stranger.get("/v1/jobs")).json()["total"] == 0
    assert (await client.get(f"/v1/jobs/{job['id']}")).json()["state"] == "planned"


async def test_text_that_is_no_unicode_is_never_an_error_of_ours(client: httpx.AsyncClient) -> None:
    bodies = [
        {"recipe": recipe_data(), "rows": [{"title": "\ud800"}]},
        {**PLAIN, "labels": {"a": "\ud800"}},
        {"recipe": recipe_data(description="\ud800"), "rows": [{"title": "x"}]},
    ]
    for body in bodies:
        response = await client.post("/v1/jobs", content=json.dumps(body), headers={"content-type": "application/json"})
        assert response.status_code < 500, response.text
