"""Exports over HTTP: ordered, followed, fetched, gone."""

import httpx
import pytest

from synthmill.jobs.export.requests import change_export
from synthmill_schemas.base import now
from tests.support.api import Api, problem
from tests.support.jobs import TENANT, accepted, recipe, store_slots
from tests.support.uploads import worked


@pytest.fixture
async def job(api: Api, client: httpx.AsyncClient) -> str:
    """A job of four records, two of which are there."""
    body = {"recipe": recipe().recipe.model_dump(mode="json")}
    job_id: str = (await client.post("/v1/jobs", json=body)).json()["id"]
    await store_slots(api.services, accepted(job_id, 0), accepted(job_id, 1))
    return job_id


async def test_an_export_is_ordered_followed_and_fetched(api: Api, client: httpx.AsyncClient, job: str) -> None:
    ordered = await client.post(f"/v1/jobs/{job}/exports", json={"format": "csv"})
    assert ordered.status_code == 202
    assert (ordered.json()["state"], ordered.json()["url"]) == ("requested", None)
    await worked(api.services)
    done = (await client.get(ordered.headers["location"])).json()
    assert (done["state"], done["records"], done["file_name"]) == ("done", 2, "colours.csv")
    assert done["expires_at"] > now().isoformat()
    file = await client.get(done["url"])
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert file.headers["content-disposition"] == 'attachment; filename="colours.csv"'
    assert len(file.content) == done["size"]
    assert file.text.splitlines()[0] == "colour,poem,_record_id"
    assert (await client.get(f"/v1/jobs/{job}/exports")).json()["items"][0]["id"] == done["id"]


async def test_a_download_that_broke_off_goes_on_by_bytes(api: Api, client: httpx.AsyncClient, job: str) -> None:
    ordered = await client.post(f"/v1/jobs/{job}/exports", json={"compression": "zstd"})
    await worked(api.services)
    url = (await client.get(ordered.headers["location"])).json()["url"]
    whole = await client.get(url)
    size, tag = len(whole.content), whole.headers["etag"]
    assert (whole.headers["accept-ranges"], whole.headers["content-length"]) == ("bytes", str(size))
    rest = await client.get(url, headers={"Range": "bytes=30-", "If-Range": tag})
    assert (rest.status_code, rest.headers["content-range"]) == (206, f"bytes 30-{size - 1}/{size}")
    assert whole.content[:30] + rest.content == whole.content
    for given, kept in (
        ("bytes=5-9", slice(5, 10)),
        ("bytes=-7", slice(size - 7, size)),
        ("bytes=0-999999", slice(0, size)),
    ):
        assert (await client.get(url, headers={"Range": given})).content == whole.content[kept]
    for headers in ({"Range": "bytes=1-2,4-5"}, {"Range": "bytes=9-5"}, {"Range": "bytes=5-", "If-Range": '"other"'}):
        other = await client.get(url, headers=headers)
        assert (other.status_code, other.content) == (200, whole.content)
    problem(await client.get(url, headers={"Range": f"bytes={size}-"}), 416, "range_not_satisfiable")


async def test_ordering_again_is_the_same_export_with_its_url(api: Api, client: httpx.AsyncClient, job: str) -> None:
    first = (await client.post(f"/v1/jobs/{job}/exports", json={})).json()
    await worked(api.services)
    again = (await client.post(f"/v1/jobs/{job}/exports", json={})).json()
    assert (again["id"], again["state"]) == (first["id"], "done")
    assert again["url"].endswith(f"{first['id']}/content")


async def test_an_export_that_is_not_there_yet_or_no_more_is_gone(
    api: Api, client: httpx.AsyncClient, job: str
) -> None:
    export = (await client.post(f"/v1/jobs/{job}/exports", json={})).json()
    path = f"/v1/jobs/{job}/exports/{export['id']}"
    problem(await client.get(f"{path}/content"), 410, "export_gone")
    await worked(api.services)
    await change_export(api.services.store, TENANT, export["id"], lambda _: {"expires_at": now()})
    assert (await client.get(path)).json()["url"] is None
    await api.services.objects.delete_prefix("tmp/")
    problem(await client.get(f"{path}/content"), 410, "export_gone")


async def test_an_export_belongs_to_its_job(api: Api, client: httpx.AsyncClient, job: str) -> None:
    export = (await client.post(f"/v1/jobs/{job}/exports", json={})).json()
    body = {"recipe": recipe().recipe.model_dump(mode="json")}
    other = (await client.post("/v1/jobs", json=body)).json()["id"]
    problem(await client.get(f"/v1/jobs/{other}/exports/{export['id']}"), 404, "not_found")


async def test_an_unknown_format_is_refused(client: httpx.AsyncClient, job: str) -> None:
    answer = await client.post(f"/v1/jobs/{job}/exports", json={"format": "xlsx"})
    body = problem(answer, 422, "invalid_request")
    assert body["faults"][0]["path"] == "body.format"


async def test_a_stream_can_be_packed_and_any_format(client: httpx.AsyncClient, job: str) -> None:
    packed = await client.get(f"/v1/jobs/{job}/export", params={"format": "parquet", "compression": "gzip"})
    assert packed.headers["content-type"] == "application/gzip"
    assert packed.content[:2] == b"\x1f\x8b"
