"""Quotes over HTTP: a small job that is no dataset, and what the whole would take by it."""

import asyncio
from typing import Any

import httpx

from synthmill.jobs.documents import change_job
from synthmill.ports.broker import Queue
from synthmill.ports.records import Collection, Place, Write, WriteMode
from synthmill_schemas.job import JobPurpose, JobState
from tests.support.api import Api, broker_failing, problem
from tests.support.calls import call_write
from tests.support.jobs import TENANT, accepted, exhausted, recipe
from tests.support.uploads import job_of, stored

DATASET = "colours-quote"
KEYED = {"idempotency-key": "quote-7"}
PRICE = {"input_per_million": 100.0, "output_per_million": 400.0}


def wanted(**changes: object) -> dict[str, Any]:
    data = recipe(target={"records": 1_000}, model={"route": "mock/one", "price": PRICE})
    return {"recipe": data.recipe.model_dump(mode="json"), "slots": 4, **changes}


async def quoted(client: httpx.AsyncClient, **changes: object) -> str:
    response = await client.post("/v1/quotes", json=wanted(**changes))
    assert response.status_code == 202, response.text
    quote = response.json()
    assert response.headers["location"] == f"/v1/quotes/{quote['id']}"
    assert quote["cost_usd"] is None
    id_: str = quote["id"]
    return id_


async def made(api: Api, job_id: str, accepted_slots: int = 3) -> None:
    """The small job as if a consumer had worked on it: 4 calls of 100 and 50 tokens and more."""
    slots = Place(TENANT, Collection.SLOTS, DATASET)
    for slot in range(4):
        call = call_write(
            TENANT,
            slot,
            dataset=DATASET,
            job_id=job_id,
            call_id=f"{job_id}-1-{slot}-1-00c0ffee",
            prompt_tokens=100,
            completion_tokens=50 + slot,
            cost_usd=(100 * 100.0 + (50 + slot) * 400.0) / 1e6,
            latency_ms=2_000,
        )
        await api.services.store.bulk([call])
        document = exhausted(job_id, slot)
        if slot < accepted_slots:
            document = accepted(job_id, slot)
            whose = document.provenance.model_copy(update={"call_id": call.id}) if document.provenance else None
            document = document.model_copy(update={"provenance": whose})
        slot_document = document.model_copy(update={"dataset": DATASET}).model_dump(mode="json")
        await api.services.store.bulk(
            [Write(slots, document.record_id, slot_document, WriteMode.RANKED, document.rank)]
        )
    await change_job(api.services.store, TENANT, job_id, lambda _: {"state": JobState.FAILED, "reason": "one is open"})


async def test_a_quote_tells_what_the_whole_would_take(api: Api, client: httpx.AsyncClient) -> None:
    quote_id = await quoted(client)
    running = (await client.get(f"/v1/quotes/{quote_id}")).json()
    assert (running["state"], running["records"], running["acceptance"]) == ("planned", 1_000, None)
    await made(api, quote_id)
    quote = (await client.get(f"/v1/quotes/{quote_id}")).json()
    assert (quote["slots"], quote["accepted"], quote["llm_calls"]) == (4, 3, 4)
    assert (quote["price"], quote["price_source"]) == (PRICE, "recipe")
    expected = 1_000 / 3 * 4 * 100
    assert abs(quote["prompt_tokens"]["expected"] - expected) < 1e-6
    for name in ("prompt_tokens", "completion_tokens", "cost_usd", "cost_usd_per_record", "seconds"):
        assert 0 <= quote[name]["low"] < quote[name]["expected"] < quote[name]["high"], name
    per_record = quote["cost_usd_per_record"]["expected"]
    assert abs(per_record * 1_000 - quote["cost_usd"]["expected"]) < 1e-9
    assert "Wilson" in quote["method"]
    assert "Student" in quote["method"]


async def test_without_an_accepted_record_nothing_is_reckoned(api: Api, client: httpx.AsyncClient) -> None:
    quote_id = await quoted(client)
    await made(api, quote_id, accepted_slots=0)
    quote = (await client.get(f"/v1/quotes/{quote_id}")).json()
    assert (quote["cost_usd"], quote["prompt_tokens"]) == (None, None)
    assert quote["reason"] == "one is open"


async def test_a_quotes_job_is_its_own_and_no_dataset(api: Api, client: httpx.AsyncClient) -> None:
    quote_id = await quoted(client)
    await made(api, quote_id)
    job = await job_of(api.services, quote_id)
    assert (job.purpose, job.dataset) == (JobPurpose.QUOTE, DATASET)
    assert (await client.get("/v1/datasets")).json()["items"] == []


async def test_an_ordinary_job_is_no_quote(client: httpx.AsyncClient) -> None:
    body = {"recipe": recipe().recipe.model_dump(mode="json")}
    job_id = (await client.post("/v1/jobs", json=body)).json()["id"]
    problem(await client.get(f"/v1/quotes/{job_id}"), 404, "not_found")
    problem(await client.post("/v1/quotes", json={**body, "slots": 1}), 422, "invalid_request")
    problem(await client.post("/v1/quotes", json={"slots": 5}), 422, "invalid_request")


async def test_equal_requests_at_once_with_one_key_are_one_quote_and_one_job(
    api: Api, client: httpx.AsyncClient
) -> None:
    asked = (client.post("/v1/quotes", json=wanted(), headers=KEYED) for _ in range(6))
    answers = await asyncio.gather(*asked)
    assert [answer.status_code for answer in answers] == [202] * 6
    (quote_id,) = {answer.json()["id"] for answer in answers}
    assert [job["job_id"] for job in await stored(api.services, Collection.JOBS)] == [quote_id]
    assert (await api.services.broker.depth(Queue.GENERATION)).ready == 4
    assert (await client.get(f"/v1/jobs/{quote_id}")).json()["labels"] == {}
    assert await quoted(client) != quote_id, "without the key it is another one"


async def test_a_key_stands_for_one_quote_or_one_job_and_for_no_other(api: Api, client: httpx.AsyncClient) -> None:
    quote = (await client.post("/v1/quotes", json=wanted(), headers=KEYED)).json()
    order = {"recipe": wanted()["recipe"]}
    for body in (wanted(slots=5), wanted(records=2_000)):
        problem(await client.post("/v1/quotes", json=body, headers=KEYED), 409, "idempotency_key_reused")
    problem(await client.post("/v1/jobs", json=order, headers=KEYED), 409, "idempotency_key_reused")
    assert (await job_of(api.services, quote["id"])).labels["quote_records"] == 1_000
    of_job = {"idempotency-key": "job-7"}
    assert (await client.post("/v1/jobs", json=order, headers=of_job)).status_code == 202
    problem(await client.post("/v1/quotes", json=wanted(), headers=of_job), 409, "idempotency_key_reused")


async def test_a_quote_that_is_asked_for_again_by_its_key_tells_what_was_reckoned(
    api: Api, client: httpx.AsyncClient
) -> None:
    quote = (await client.post("/v1/quotes", json=wanted(), headers=KEYED)).json()
    await made(api, quote["id"])
    again = await client.post("/v1/quotes", json=wanted(), headers=KEYED)
    assert again.json() == (await client.get(f"/v1/quotes/{quote['id']}")).json()
    assert (again.status_code, again.json()["accepted"]) == (202, 3)


async def test_a_broker_lost_on_the_way_leaves_only_the_quote_that_has_a_key(
    api: Api, client: httpx.AsyncClient
) -> None:
    with broker_failing(api, "publish"):
        for headers in ({}, KEYED):
            answer = await client.post("/v1/quotes", json=wanted(), headers=headers)
            problem(answer, 503, "broker_unavailable")
    states = {job["keyless"]: job["state"] for job in await stored(api.services, Collection.JOBS)}
    assert states == {True: "cancelled", False: "publishing"}
    assert (await client.post("/v1/quotes", json=wanted(), headers=KEYED)).json()["state"] == "planned"
