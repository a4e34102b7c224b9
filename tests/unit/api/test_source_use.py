"""Looking into sources, also when only their seeds are left, and deleting them with what was made of them."""

import asyncio
import io
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx
import pyarrow as pa
from pyarrow import parquet

from synthmill.inputs.look import begin
from synthmill.jobs.documents import Changes, change_job
from synthmill.jobs.sweep import sweep
from synthmill.ports.records import Collection, Place
from synthmill_schemas.job import JobDocument, JobState
from tests.support.api import Api, problem
from tests.support.uploads import recipe_data, worked

CSV = "sku;title;Preis (€)\nA-1;lamp;5,5\nA-2;chair\nA-3;Tür;7\n".encode("cp1252")
SEEDS = Place("default", Collection.INPUTS)
REJECTS = Place("default", Collection.REJECTS)


async def uploaded(client: httpx.AsyncClient, data: bytes = CSV, name: str = "products.csv") -> str:
    response = await client.post("/v1/sources", params={"name": name}, content=data)
    assert response.status_code in (200, 201), response.text
    return response.headers["location"]


async def inspected(client: httpx.AsyncClient, location: str, **params: int) -> dict[str, Any]:
    response = await client.get(f"{location}/inspect", params=params)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def planned_job(api: Api, client: httpx.AsyncClient, location: str) -> str:
    """A job on the source whose seeds are stored."""
    body = {"recipe": recipe_data(), "sources": [location.rpartition("/")[2]]}
    response = await client.post("/v1/jobs", json=body)
    assert response.status_code == 202, response.text
    await worked(api.services)
    job_id: str = response.json()["id"]
    return job_id


def _in_state(_: JobDocument, *, state: JobState) -> Changes:
    return {"state": state}


async def count(api: Api, place: Place) -> int:
    await api.services.store.visible(place)
    return await api.services.store.count(place)


async def test_a_table_shows_columns_types_encoding_delimiter_rows_and_what_a_job_would_leave_out(
    client: httpx.AsyncClient,
) -> None:
    found = await inspected(client, await uploaded(client), rows=1)
    assert (found["by"], found["kind"], found["encoding"], found["delimiter"]) == ("file", "csv", "cp1252", ";")
    assert [(c["name"], c["type"]) for c in found["columns"]] == [
        ("sku", "string"),
        ("title", "string"),
        ("Preis (€)", "string"),
    ]
    assert found["rows"] == [{"sku": "A-1", "title": "lamp", "Preis (€)": "5,5"}]
    assert [(row["row"], row["line"]) for row in found["bad_rows"]] == [(2, 3)]
    assert (found["looked_at"], found["complete"]) == (2, True)


async def test_the_beginning_of_a_long_file_is_enough_and_no_more_of_it_is_read(
    api: Api, client: httpx.AsyncClient
) -> None:
    read = 0
    whole = api.services.objects.read

    async def counted(key: str, start: int, size: int) -> bytes:
        nonlocal read
        read += size
        return await whole(key, start, size)

    api.services.objects.read = counted  # type: ignore[method-assign]
    buffer = io.BytesIO()
    parquet.write_table(pa.table({"n": range(50_000), "text": [f"row {n}" for n in range(50_000)]}), buffer)
    text = b"".join(b'{"n": %d, "flag": true}\n' % number for number in range(35_000))
    for name, data in (("a.parquet", buffer.getvalue()), ("a.jsonl", text)):
        location, read = await uploaded(client, data, name), 0
        found = await inspected(client, location, rows=2)
        assert [row["n"] for row in found["rows"]] == [0, 1]
        assert found["columns"][0]["type"] == "integer"
        assert (found["looked_at"], found["complete"]) == (200, False)
        assert read < 600_000 < len(data) or name == "a.parquet"  # whose first pages are all there is of it


async def test_long_values_are_shown_cut(client: httpx.AsyncClient) -> None:
    location = await uploaded(client, b"a,b\n" + b"x" * 5_000 + b",y\n")
    (row,) = (await inspected(client, location))["rows"]
    assert len(row["a"]) == 501
    assert row["b"] == "y"


async def test_a_bomb_is_told_within_its_limits_and_the_next_look_works(client: httpx.AsyncClient) -> None:
    buffer = io.BytesIO()
    parquet.write_table(pa.table({"a": ["x" * 3_000_000] * 20}), buffer, compression="zstd")
    bomb = await uploaded(client, buffer.getvalue(), "bomb.parquet")
    response = await client.get(f"{bomb}/inspect")
    assert response.status_code in (200, 422)
    assert response.status_code == 422 or response.json()["rows"] == []
    deep = await client.get(f"{await uploaded(client, b'[' * 100_000, 'deep.json')}/inspect")
    problem(deep, 422, "input_unusable")
    assert (await inspected(client, await uploaded(client)))["rows"]


async def test_a_look_that_wants_too_much_of_a_file_is_refused(client: httpx.AsyncClient) -> None:
    location = await uploaded(client, b"title\n" + b"x" * 900_000)
    most, begin.MOST_BYTES = begin.MOST_BYTES, 300_000
    try:
        body = problem(await client.get(f"{location}/inspect"), 422, "input_unusable")
    finally:
        begin.MOST_BYTES = most
    assert "do not end within" in body["detail"]


async def test_as_many_as_want_may_look_at_once(client: httpx.AsyncClient) -> None:
    location = await uploaded(client)
    found = await asyncio.gather(*(inspected(client, location, rows=number) for number in range(4)))
    assert [len(each["rows"]) for each in found] == [0, 1, 2, 2]


async def test_seeds_are_shown_when_the_file_is_gone_and_a_410_when_there_are_none(
    api: Api, client: httpx.AsyncClient
) -> None:
    location, unused = await uploaded(client), await uploaded(client, b"title\nother\n", "b.csv")
    await planned_job(api, client, location)
    await api.services.objects.delete_prefix("tmp/sources/")
    found = await inspected(client, location)
    assert (found["by"], found["kind"], found["looked_at"], found["complete"]) == ("seeds", "csv", 2, True)
    assert [row["title"] for row in found["rows"]] == ["lamp", "Tür"]
    problem(await client.get(f"{unused}/inspect"), 410, "source_gone")


async def test_another_tenants_source_is_not_looked_into(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    problem(await stranger.get(f"{await uploaded(client)}/inspect"), 404, "not_found")


async def test_what_was_made_of_a_source_goes_with_it_only_on_demand(api: Api, client: httpx.AsyncClient) -> None:
    first = await uploaded(client)
    job_id = await planned_job(api, client, first)
    assert (await count(api, SEEDS), await count(api, REJECTS)) == (2, 1)
    assert (await client.delete(first)).status_code == 204
    assert (await count(api, SEEDS), await count(api, REJECTS)) == (2, 1)
    await change_job(api.services.store, "default", job_id, lambda _: {"state": JobState.CANCELLED})
    again = await uploaded(client)
    other = await uploaded(client, b"title\nkept\n", "b.csv")
    await planned_job(api, client, other)
    assert (await client.delete(again, params={"derived": "true"})).status_code == 204
    left = [seed.document["data"]["title"] async for seed in api.services.store.scan(SEEDS)]
    assert left == ["kept"]
    assert await count(api, REJECTS) == 0
    problem(await client.get(again), 404, "not_found")


async def test_a_source_that_a_live_job_needs_stays_whole(api: Api, client: httpx.AsyncClient) -> None:
    location = await uploaded(client)
    job_id = await planned_job(api, client, location)
    for state in (JobState.PLANNED, JobState.PAUSED, JobState.BLOCKED):
        await change_job(api.services.store, "default", job_id, partial(_in_state, state=state))
        body = problem(await client.delete(location, params={"derived": "true"}), 409, "source_in_use")
        assert job_id in body["detail"]
    assert (await inspected(client, location))["by"] == "file"
    assert await count(api, SEEDS) == 2


async def test_a_job_that_goes_on_without_its_seeds_says_what_is_missing(api: Api, client: httpx.AsyncClient) -> None:
    location = await uploaded(client)
    job_id = await planned_job(api, client, location)
    await client.post(f"/v1/jobs/{job_id}/cancel")
    assert (await client.delete(location, params={"derived": "true"})).status_code == 204
    body = problem(await client.post(f"/v1/jobs/{job_id}/resume"), 409, "job_state")
    assert "are gone" in body["detail"]


async def test_a_broken_upload_of_any_kind_leaves_no_file(api: Api, client: httpx.AsyncClient) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"a,b\n"
        raise ConnectionResetError("left")

    await asyncio.gather(
        client.post("/v1/sources", params={"name": "a.csv"}, content=breaking()),
        client.post("/v1/sources", params={"name": "a.csv"}, content=b"PK\x03\x04" + b"\0" * 100_000),
        return_exceptions=True,
    )
    assert [item async for item in api.services.objects.list("tmp/")] == []
    assert (await sweep(api.services)).nothing
