"""Results: searched by words and by the recipe's own fields, told with their origin, exported as they are filed."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from synthmill.jobs.events import say
from synthmill.jobs.export import export
from synthmill.ports.records import Collection, Place, Write
from synthmill_api.results.views import RecordPage, RecordStory, RejectPage, RejectStory
from synthmill_schemas.ledger import RejectDocument
from synthmill_schemas.slot import RejectClass
from tests.support.api import Api, problem
from tests.support.jobs import TENANT, accepted, exhausted, recipe, store_slots
from tests.support.store_documents import call
from tests.support.uploads import recipe_data, stored, worked

COLUMNS: list[dict[str, Any]] = [
    {"name": "colour", "kind": "sampler", "sampler": {"type": "category", "values": ["red", "blue"]}},
    {"name": "price", "kind": "sampler", "sampler": {"type": "uniform", "low": 0, "high": 100}},
    {"name": "fresh", "kind": "sampler", "sampler": {"type": "bernoulli", "p": 0.5}},
    {"name": "poem", "kind": "llm", "prompt": "A poem about {{ colour }}."},
]
DATA: list[dict[str, Any]] = [
    {"colour": "red", "price": 10.5, "fresh": True, "poem": "roses in the rain"},
    {"colour": "blue", "price": 20, "fresh": False, "poem": "rain at sea"},
    {"colour": "red", "price": 30, "fresh": True, "poem": "=cmd|' /C calc'!A0"},
    {"colour": "blue", "price": 40, "fresh": True, "poem": '<script>alert("x")</script>, "quoted"\n'},
]


@pytest.fixture
async def job(api: Api, client: httpx.AsyncClient) -> str:
    """A job of four records and two failed attempts, still running."""
    body = {"recipe": recipe(columns=COLUMNS, target={"records": 5}).recipe.model_dump(mode="json")}
    job_id: str = (await client.post("/v1/jobs", json=body)).json()["id"]
    await worked(api.services)
    slots = [accepted(job_id, slot, data=data) for slot, data in enumerate(DATA)]
    await store_slots(api.services, *slots, exhausted(job_id, 4))
    await _reject(api, job_id, 1, RejectClass.PARSE)
    await _reject(api, job_id, 4, RejectClass.SCHEMA)
    return job_id


async def _reject(api: Api, job_id: str, slot: int, class_: RejectClass, **more: Any) -> None:  # noqa: ANN401  fields
    reject = RejectDocument(
        dataset="colours",
        job_id=job_id,
        reject_id=f"{job_id}-{slot}-1-1",
        record_id=f"{job_id}-{slot}",
        slot=slot,
        round=1,
        attempt=1,
        reject_class=class_,
        reason="no good",
        raw="{",
        **more,
    )
    place = Place(TENANT, Collection.REJECTS)
    await api.services.store.bulk([Write(place, reject.reject_id, reject.model_dump(mode="json"))])


async def slots_found(client: httpx.AsyncClient, job: str, **params: Any) -> list[int]:  # noqa: ANN401  any query
    response = await client.get(f"/v1/jobs/{job}/records", params=params)
    assert response.status_code == 200, response.text
    page = response.json()
    assert page["total"] == len(page["items"])
    return [item["slot"] for item in page["items"]]


@pytest.mark.parametrize(
    ("params", "slots"),
    [
        ({}, [0, 1, 2, 3]),
        ({"q": "rain"}, [0, 1]),
        ({"q": "rain sea"}, [1]),
        ({"filter": "colour=red"}, [0, 2]),
        ({"filter": ["colour=red", "colour=blue"]}, [0, 1, 2, 3]),
        ({"filter": ["price>=20", "price<=30"]}, [1, 2]),
        ({"filter": ["price>=10.5", "colour=blue", "fresh=true"]}, [3]),
        ({"filter": "fresh=false"}, [1]),
        ({"filter": "poem==cmd|' /C calc'!A0"}, [2]),
        ({"filter": "colour=green"}, []),
        ({"filter": "@slot>=2"}, [2, 3]),
        ({"filter": ["@model=mock", "@row=1"]}, []),
        ({"sort": "-@slot", "filter": "@route=mock/one"}, [3, 2, 1, 0]),
        ({"sort": "-price"}, [3, 2, 1, 0]),
        ({"sort": "colour"}, [1, 3, 0, 2]),
    ],
)
async def test_records_are_found_by_words_fields_and_ranges(
    client: httpx.AsyncClient, job: str, params: dict[str, Any], slots: list[int]
) -> None:
    assert await slots_found(client, job, **params) == slots


async def test_facets_count_within_the_filters(client: httpx.AsyncClient, job: str) -> None:
    params: dict[str, str | int | list[str]] = {"facet": ["colour", "fresh"], "filter": "price>=20", "limit": 1}
    page = (await client.get(f"/v1/jobs/{job}/records", params=params)).json()
    assert page["facets"] == {"colour": {"blue": 2, "red": 1}, "fresh": {"true": 2, "false": 1}}


async def test_facets_count_within_words_and_by_origin(client: httpx.AsyncClient, job: str) -> None:
    params: dict[str, str | list[str]] = {"facet": ["colour", "@model"], "q": "rain"}
    page = (await client.get(f"/v1/jobs/{job}/records", params=params)).json()
    assert page["facets"] == {"colour": {"blue": 1, "red": 1}, "@model": {"mock": 2}}


async def test_an_unknown_field_is_answered_by_those_there_are(client: httpx.AsyncClient, job: str) -> None:
    told = problem(await client.get(f"/v1/jobs/{job}/records", params={"facet": "shape"}), 422, "unknown_field")
    assert "they have colour, fresh, poem, price;" in told["detail"]


async def test_only_the_fields_that_are_asked_for_are_shown(client: httpx.AsyncClient, job: str) -> None:
    params: dict[str, str | list[str]] = {"field": ["price", "colour"], "filter": "@slot=0"}
    (item,) = (await client.get(f"/v1/jobs/{job}/records", params=params)).json()["items"]
    assert item == {"id": f"{job}-0", "slot": 0, "data": {"colour": "red", "price": 10.5}}


async def test_nested_fields_are_filtered_counted_and_shown(api: Api, client: httpx.AsyncClient) -> None:
    schema = {
        "type": "object",
        "properties": {
            "tone": {"type": "string"},
            "lines": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}},
        },
    }
    columns = [COLUMNS[0], {"name": "poem", "kind": "llm", "prompt": "Write.", "schema": schema}]
    body = {"recipe": recipe(columns=columns).recipe.model_dump(mode="json", by_alias=True)}
    job = (await client.post("/v1/jobs", json=body)).json()["id"]
    data = [{"colour": "red", "poem": {"tone": tone, "lines": [{"n": n}, {"n": 9}]}} for n, tone in enumerate("ab")]
    await store_slots(api.services, *(accepted(job, slot, data=each) for slot, each in enumerate(data)))
    assert await slots_found(client, job, filter="poem.tone=b") == [1]
    assert await slots_found(client, job, filter="poem.lines.n=9") == [0, 1]
    params: dict[str, str | list[str]] = {"facet": "poem.tone", "field": ["poem.lines.n"], "limit": "1"}
    page = (await client.get(f"/v1/jobs/{job}/records", params=params)).json()
    assert page["facets"] == {"poem.tone": {"a": 1, "b": 1}}
    assert page["items"][0]["data"] == {"poem": {"lines": [{"n": 0}, {"n": 9}]}}


async def test_a_sample_repeats_with_its_seed_and_keeps_to_the_filters(client: httpx.AsyncClient, job: str) -> None:
    async def drawn(**params: Any) -> tuple[list[int], int]:  # noqa: ANN401  any query
        page = (await client.get(f"/v1/jobs/{job}/records", params=params)).json()
        assert page["cursor"] is None
        return [item["slot"] for item in page["items"]], page["total"]

    slots, total = await drawn(sample=2, seed=5)
    assert (len(set(slots)), total) == (2, 4)
    assert await drawn(sample=2, seed=5) == (slots, 4)
    assert {tuple((await drawn(sample=2, seed=seed))[0]) for seed in range(20)} > {tuple(slots)}
    red, total = await drawn(sample=100, filter="colour=red")
    assert (sorted(red), total) == ([0, 2], 2)


async def test_pages_hold_every_record_once(client: httpx.AsyncClient, job: str) -> None:
    for sort in (None, "colour", "-price"):
        seen: list[int] = []
        cursor: str | None = None
        while True:
            params = {"limit": 3, **({"sort": sort} if sort else {}), **({"cursor": cursor} if cursor else {})}
            page = (await client.get(f"/v1/jobs/{job}/records", params=params)).json()
            seen += [item["slot"] for item in page["items"]]
            cursor = page["cursor"]
            if cursor is None:
                break
        assert sorted(seen) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"filter": "shape=round"}, "unknown_field"),
        ({"sort": "shape"}, "unknown_field"),
        ({"facet": "tenant"}, "unknown_field"),
        ({"filter": "price=cheap"}, "invalid_request"),
        ({"filter": "price>=nan"}, "invalid_request"),
        ({"filter": "fresh>=true"}, "invalid_request"),
        ({"filter": ["price=1", "price>=1"]}, "invalid_request"),
        ({"filter": "price"}, "invalid_request"),
        ({"filter": "colour') OR 1=1 --=red"}, "invalid_request"),
        ({"field": "shape"}, "unknown_field"),
        ({"filter": "@slot=first"}, "invalid_request"),
        ({"sample": 0}, "invalid_request"),
        ({"sample": 2, "sort": "price"}, "invalid_request"),
        ({"sample": 2, "cursor": "AAAA"}, "invalid_request"),
        ({"sample": 2, "seed": -1}, "invalid_request"),
        ({"limit": 0}, "invalid_request"),
        ({"limit": 100_000}, "invalid_request"),
        ({"cursor": "AAAA"}, "invalid_request"),
    ],
)
async def test_questions_that_make_no_sense_are_told_so(
    client: httpx.AsyncClient, job: str, params: dict[str, Any], code: str
) -> None:
    problem(await client.get(f"/v1/jobs/{job}/records", params=params), 422, code)


async def test_a_record_tells_its_attempts(client: httpx.AsyncClient, job: str) -> None:
    record = (await client.get(f"/v1/jobs/{job}/records/{job}-1")).json()
    assert record["data"] == DATA[1]
    assert record["provenance"]["route"] == "mock/one"
    assert [reject["reject_class"] for reject in record["rejects"]] == ["parse"]
    assert record["seed"] is None
    assert record["spent"] == {"prompt_tokens": 1, "completion_tokens": 1, "cost_usd": None}


async def test_a_record_tells_its_prompts_as_rendered_and_every_call(api: Api, client: httpx.AsyncClient) -> None:
    compiled = recipe()
    body = {"recipe": compiled.recipe.model_dump(mode="json")}
    job = (await client.post("/v1/jobs", json=body)).json()["id"]
    slot = accepted(job, 0, attributes={"colour": "red"})
    assert slot.provenance is not None
    shares = {"call_id": f"{job}-call-2", "recipe_hash": compiled.recipe_hash, "cost_usd": 0.25}
    await store_slots(api.services, slot.model_copy(update={"provenance": slot.provenance.model_copy(update=shares)}))
    await _reject(api, job, 0, RejectClass.PARSE, call_id=f"{job}-call-1", prompt_tokens=7, cost_usd=0.5)
    place = Place(TENANT, Collection.CALLS)
    calls = [call(TENANT, number, job=job) for number in (1, 2, 3)]
    await api.services.store.bulk([Write(place, each["call_id"], each) for each in calls])
    record = (await client.get(f"/v1/jobs/{job}/records/{job}-0")).json()
    assert record["prompts"] == {"columns": {"poem": "A poem about red."}, "system": None}
    assert [each["id"] for each in record["calls"]] == [f"{job}-call-1", f"{job}-call-2"]
    assert record["call"]["id"] == f"{job}-call-2"
    assert record["spent"] == {"prompt_tokens": 8, "completion_tokens": 1, "cost_usd": 0.75}


async def test_a_record_tells_the_row_that_it_was_made_from(api: Api, client: httpx.AsyncClient) -> None:
    body = {"recipe": recipe_data(), "rows": [{"title": "lamp"}, {"title": "sofa"}]}
    job = (await client.post("/v1/jobs", json=body)).json()["id"]
    await worked(api.services)
    seed = (await stored(api.services, Collection.INPUTS))[1]
    slot = accepted(job, 1, seed_id=seed["seed_id"], lineage=seed["lineage"], dataset="products")
    place = Place(TENANT, Collection.SLOTS, "products")
    data = slot.model_copy(update={"data": {"title": "sofa", "description": "soft"}})
    await api.services.store.bulk([Write(place, slot.record_id, data.model_dump(mode="json"))])
    record = (await client.get(f"/v1/jobs/{job}/records/{job}-1")).json()
    assert record["seed"]["data"] == {"title": "sofa"}
    assert record["seed"]["lineage"]["row"] == 2


async def test_what_is_not_accepted_is_no_record(client: httpx.AsyncClient, job: str) -> None:
    for record in (f"{job}-4", f"{job}-99", "another-1"):
        problem(await client.get(f"/v1/jobs/{job}/records/{record}"), 404, "not_found")


async def test_a_record_is_found_under_its_own_job_only(client: httpx.AsyncClient, job: str) -> None:
    body = {"recipe": recipe(columns=COLUMNS).recipe.model_dump(mode="json")}
    other = (await client.post("/v1/jobs", json=body)).json()["id"]
    problem(await client.get(f"/v1/jobs/{other}/records/{job}-1"), 404, "not_found")
    assert await slots_found(client, other) == []


async def test_rejects_are_listed_and_narrowed_by_class(client: httpx.AsyncClient, job: str) -> None:
    listed = (await client.get(f"/v1/jobs/{job}/rejects")).json()
    assert [reject["reject_class"] for reject in listed["items"]] == ["parse", "schema"]
    narrowed = (await client.get(f"/v1/jobs/{job}/rejects", params={"reject_class": "schema"})).json()
    assert [reject["record_id"] for reject in narrowed["items"]] == [f"{job}-4"]
    assert narrowed["classes"] == listed["classes"] == {"parse": 1, "schema": 1}
    for params, slots in (
        ({"record_id": f"{job}-1"}, [1]),
        ({"round": 2}, []),
        ({"newest_first": True}, [4, 1]),
        ({"source": "a.csv"}, []),
    ):
        found = (await client.get(f"/v1/jobs/{job}/rejects", params=params)).json()["items"]
        assert [reject["record_id"] for reject in found] == [f"{job}-{slot}" for slot in slots]


async def test_a_reject_tells_its_raw_answer_and_what_became_of_its_slot(client: httpx.AsyncClient, job: str) -> None:
    reject = (await client.get(f"/v1/jobs/{job}/rejects/{job}-4-1-1")).json()
    assert (reject["raw"], reject["slot_story"]["state"]) == ("{", "exhausted")
    assert [each["id"] for each in reject["slot_story"]["rejects"]] == [f"{job}-4-1-1"]
    problem(await client.get(f"/v1/jobs/{job}/rejects/{job}-3-1-1"), 404, "not_found")


async def test_events_are_listed_in_order_and_by_level(api: Api, client: httpx.AsyncClient, job: str) -> None:
    names = [event["name"] for event in (await client.get(f"/v1/jobs/{job}/events")).json()["items"]]
    assert names == ["job.planned"]
    params = {"level": ["warning", "error"]}
    assert (await client.get(f"/v1/jobs/{job}/events", params=params)).json()["items"] == []
    found = (await client.get(f"/v1/jobs/{job}/events", params={"q": "planned"})).json()
    assert [event["name"] for event in found["items"]] == ["job.planned"]
    await say(api.services.store, "api", "other", "of another job planned", tenant=TENANT, job_id="other")
    assert (await client.get(f"/v1/jobs/{job}/events", params={"q": "planned"})).json()["total"] == 1


async def test_streamed_exports_are_byte_for_byte_the_files_of_the_job(
    api: Api, client: httpx.AsyncClient, job: str, tmp_path: Path
) -> None:
    await export(api.services, TENANT, job, tmp_path / "out")
    for format_, type_ in (("jsonl", "application/x-ndjson"), ("csv", "text/csv; charset=utf-8")):
        response = await client.get(f"/v1/jobs/{job}/export", params={"format": format_})
        assert response.headers["content-type"] == type_
        assert response.headers["content-disposition"] == f'attachment; filename="colours.{format_}"'
        assert response.content == (tmp_path / "out" / f"colours.{format_}").read_bytes()


async def test_an_export_of_nothing_is_empty_but_for_its_header(client: httpx.AsyncClient) -> None:
    body = {"recipe": recipe().recipe.model_dump(mode="json")}
    job = (await client.post("/v1/jobs", json=body)).json()["id"]
    assert (await client.get(f"/v1/jobs/{job}/export")).content == b""
    assert (await client.get(f"/v1/jobs/{job}/export?format=csv")).text == "colour,poem,_record_id\r\n"
    problem(await client.get(f"/v1/jobs/{job}/export?format=xml"), 422, "invalid_request")


async def test_an_export_over_many_chunks_holds_every_record_in_order(api: Api, client: httpx.AsyncClient) -> None:
    body = {"recipe": recipe(target={"records": 1_234}).recipe.model_dump(mode="json")}
    job = (await client.post("/v1/jobs", json=body)).json()["id"]
    await store_slots(api.services, *(accepted(job, slot) for slot in range(1_234)))
    lines = (await client.get(f"/v1/jobs/{job}/export")).text.splitlines()
    assert len(lines) == 1_234
    assert lines[1_233].endswith(f'"_record_id": "{job}-1233"}}')


async def test_a_store_that_is_down_is_told_before_an_export_begins(
    api: Api, client: httpx.AsyncClient, job: str
) -> None:
    async with asyncio.timeout(30):
        await api.services.database.close()
        for format_ in ("jsonl", "csv"):
            response = await client.get(f"/v1/jobs/{job}/export", params={"format": format_})
            problem(response, 503, "store_unavailable")


@pytest.mark.parametrize("model", [RecordPage, RecordStory, RejectPage, RejectStory])
def test_the_examples_of_the_document_are_whole_answers(model: type[BaseModel]) -> None:
    (example,) = model.model_json_schema()["examples"]
    assert model.model_validate(example).model_dump(mode="json").keys() == example.keys()
