"""Versions of a recipe compared, warnings, drafts from sources that run as they are, and deletion."""

import io
from typing import Any

import httpx
import pyarrow as pa
import pytest
from pyarrow import parquet

from synthmill_api.recipes.endpoints import EXAMPLE
from tests.support.api import Api, problem
from tests.support.uploads import requests, worked

CSV = b"sku,Post code,price,sold out\nA-1,01234,5,true\nA-2,98765,,false\nA-3,1,7.5,false\n"


def changed(**changes: object) -> dict[str, Any]:
    return {**EXAMPLE, **changes}


def columns(**changes: dict[str, Any]) -> list[dict[str, Any]]:
    """The example's columns with some changed, by name."""
    return [{**column, **changes.get(column["name"], {})} for column in EXAMPLE["columns"]]


async def diff(client: httpx.AsyncClient, *versions: dict[str, Any], **params: int) -> dict[str, Any]:
    for version in versions:
        assert (await client.post("/v1/recipes", json=version)).is_success
    response = await client.get("/v1/recipes/product_copy/diff", params=params)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_a_change_is_told_with_its_place_both_values_and_what_it_means(client: httpx.AsyncClient) -> None:
    number = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    after = changed(
        description="for the shop",
        columns=[
            *columns(tone={"sampler": {"type": "category", "values": ["dry"]}}),
            {**llm("more"), "schema": number},
        ],
    )
    found = await diff(client, EXAMPLE, after)
    assert (found["before"], found["after"], found["same_records"], found["mapping"]) == (1, 2, False, "additive")
    told = {change["path"]: change for change in found["changes"]}
    assert set(told) == {"description", "columns[tone].sampler.values", "columns[more]"}
    values = told["columns[tone].sampler.values"]
    assert (values["kind"], values["before"], values["after"]) == ("changed", ["dry", "warm"], ["dry"])
    assert (values["other_records"], values["mapping"]) == (True, "same")
    assert (told["columns[more]"]["kind"], told["columns[more]"]["mapping"]) == ("added", "additive")
    assert told["description"]["other_records"] is False


def llm(name: str) -> dict[str, Any]:
    return {"name": name, "kind": "llm", "prompt": "More about {{ title }}."}


async def test_a_field_of_another_type_needs_a_new_index_and_a_column_that_goes_does_not(
    client: httpx.AsyncClient,
) -> None:
    numbers = {"tone": {"sampler": {"type": "uniform", "low": 0, "high": 1}}}
    found = await diff(client, EXAMPLE, changed(columns=columns(**numbers)))
    assert found["mapping"] == "new"
    assert {c["mapping"] for c in found["changes"] if c["path"].startswith("columns[tone]")} == {"new"}
    without = [column for column in EXAMPLE["columns"] if column["name"] == "title"]
    gone = await diff(client, changed(columns=[*without, llm("copy")]), **{"from": 1, "to": 3})
    assert gone["mapping"] == "same"
    assert ("columns[tone]", "removed") in {(change["path"], change["kind"]) for change in gone["changes"]}


async def test_what_changes_no_record_says_so_and_equal_versions_have_no_changes(client: httpx.AsyncClient) -> None:
    found = await diff(client, EXAMPLE, changed(description="other"))
    assert (found["same_records"], [change["path"] for change in found["changes"]]) == (True, ["description"])
    same = await diff(client, **{"from": 2, "to": 2})
    assert (same["changes"], same["mapping"]) == ([], "same")
    back = await diff(client, **{"from": 2, "to": 1})
    assert back["changes"][0]["after"] == ""


async def test_columns_that_change_places_are_one_change(client: httpx.AsyncClient) -> None:
    title, tone, copy = EXAMPLE["columns"]
    found = await diff(client, EXAMPLE, changed(columns=[tone, title, copy]))
    (change,) = found["changes"]
    assert (change["path"], change["after"]) == ("columns", ["tone", "title", "copy"])


async def test_versions_that_are_not_there_cannot_be_compared(client: httpx.AsyncClient) -> None:
    await client.post("/v1/recipes", json=EXAMPLE)
    for params in ({"from": 1, "to": 2}, {"from": 5}):
        problem(await client.get("/v1/recipes/product_copy/diff", params=params), 404, "not_found")
    problem(await client.get("/v1/recipes/other/diff"), 404, "not_found")


async def test_versions_of_one_recipe_are_listed(client: httpx.AsyncClient) -> None:
    for data in (EXAMPLE, changed(seed=9), changed(name="other")):
        await client.post("/v1/recipes", json=data)
    listed = (await client.get("/v1/recipes/product_copy/versions")).json()
    assert [item["version"] for item in listed["items"]] == [2, 1]
    problem(await client.get("/v1/recipes/unknown/versions"), 404, "not_found")


async def test_warnings_are_told_with_their_places_and_nothing_is_stored(client: httpx.AsyncClient) -> None:
    data = changed(
        seeds={"records_per_seed": 3},
        unique=[],
        columns=[
            {"name": "title", "kind": "source"},
            {"name": "idle", "kind": "sampler", "drop": True, "sampler": {"type": "uuid"}},
            {"name": "same", "kind": "llm", "prompt": "Write something."},
            {"name": "alike", "kind": "llm", "prompt": "About {{ title }}."},
        ],
    )
    checked = (await client.post("/v1/recipes/validate", json=data)).json()
    paths = [warning["path"] for warning in checked["warnings"]]
    assert paths == ["model.route", "columns[1]", "columns[2].prompt", "columns[3].prompt", "key", "unique"]
    assert all(warning["message"] and warning["hint"] for warning in checked["warnings"])
    assert (await client.get("/v1/recipes")).json()["total"] == 0


async def test_a_recipe_without_anything_odd_has_no_warnings(client: httpx.AsyncClient) -> None:
    data = changed(key="title", model={"route": "openai/gpt-5-mini"})
    assert (await client.post("/v1/recipes/validate", json=data)).json()["warnings"] == []


async def test_deleting_takes_all_versions_and_a_number_never_comes_again(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    for data in (EXAMPLE, changed(seed=9)):
        await client.post("/v1/recipes", json=data)
    problem(await stranger.delete("/v1/recipes/product_copy"), 404, "not_found")
    assert (await client.delete("/v1/recipes/product_copy")).status_code == 204
    problem(await client.get("/v1/recipes/product_copy/versions/1"), 404, "not_found")
    problem(await client.delete("/v1/recipes/product_copy"), 404, "not_found")
    assert (await client.get("/v1/recipes")).json()["total"] == 0
    again = await client.post("/v1/recipes", json=EXAMPLE)
    assert (again.status_code, again.json()["version"]) == (201, 3)


def parquet_of(**columns: list[object]) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("Products 2024.csv", CSV),
        ("odd.csv", "question,{{ evil }},größe\nwhy?,a,1\nhow?,b,2\n".encode()),
        ("notes.md", b"# Care\n\nWash it by hand, and dry it in the shade.\n"),
        ("rows.parquet", parquet_of(n=[1, 2], tags=[["a"], []])),
    ],
    ids=["table", "odd names", "text", "Parquet"],
)
async def test_a_draft_validates_and_runs_as_it_is(api: Api, client: httpx.AsyncClient, name: str, data: bytes) -> None:
    source = (await client.post("/v1/sources", params={"name": name}, content=data)).json()["id"]
    response = await client.post("/v1/recipes/draft", json={"source": source, "name": "drafted"})
    assert response.status_code == 200, response.text
    draft = response.json()
    assert draft["recipe"]["name"] == draft["checked"]["name"] == "drafted"
    assert "#" in draft["yaml"]
    assert draft["hints"]
    assert (await client.post("/v1/recipes/validate", json=draft["recipe"])).status_code == 200
    job = await client.post("/v1/jobs", json={"recipe": draft["recipe"], "sources": [source]})
    assert job.status_code == 202, job.text
    await worked(api.services)
    assert (await client.get(f"/v1/jobs/{job.json()['id']}")).json()["state"] == "planned"
    assert await requests(api.services)


async def test_a_draft_knows_types_blanks_and_the_key_of_a_table(client: httpx.AsyncClient) -> None:
    source = (await client.post("/v1/sources", params={"name": "p.csv"}, content=CSV)).json()["id"]
    draft = (await client.post("/v1/recipes/draft", json={"source": source})).json()
    fields = draft["recipe"]["input"]["fields"]
    assert draft["recipe"]["key"] == "sku"
    assert {name: field["type"] for name, field in fields.items()} == {"price": "number", "sold out": "boolean"}
    assert fields["price"]["required"] is False
    assert any("'price'" in hint for hint in draft["hints"])


async def test_a_draft_of_what_is_not_there_or_cannot_be_read_is_refused(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    source = (await client.post("/v1/sources", params={"name": "a.csv"}, content=b"a,b\n1\n2\n")).json()["id"]
    problem(await client.post("/v1/recipes/draft", json={"source": source}), 422, "input_unusable")
    problem(await stranger.post("/v1/recipes/draft", json={"source": source}), 404, "not_found")
    problem(await client.post("/v1/recipes/draft", json={"source": "../x"}), 422, "invalid_request")
