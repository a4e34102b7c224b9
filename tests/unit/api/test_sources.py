"""Uploads: streamed, checked, each content once, and nothing left behind by one that fails."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.api import Api, problem

CSV = b"sku,title\nA-1,lamp\nA-2,chair\n"
PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'


async def uploaded(client: httpx.AsyncClient, data: bytes = CSV, name: str = "products.csv") -> httpx.Response:
    return await client.post("/v1/sources", files={"file": (name, data, "text/csv")})


async def files_kept(api: Api) -> int:
    return len([item async for item in api.services.objects.list("tmp/")])


async def test_a_form_upload_becomes_a_source_with_size_and_checksum(api: Api, client: httpx.AsyncClient) -> None:
    response = await uploaded(client)
    assert response.status_code == 201
    source = response.json()
    assert source["name"] == "products.csv"
    assert source["size"] == len(CSV)
    assert source["sha256"] == hashlib.sha256(CSV).hexdigest()
    assert response.headers["location"] == f"/v1/sources/{source['id']}"
    assert (await client.get(response.headers["location"])).json() == source
    (kept,) = [item async for item in api.services.objects.list("tmp/sources/")]
    async with api.services.objects.open(kept.key) as file:
        assert file.read() == CSV


async def test_plain_bytes_with_a_name_are_the_same_source(api: Api, client: httpx.AsyncClient) -> None:
    first = await uploaded(client)
    second = await client.post("/v1/sources", params={"name": "other.csv"}, content=CSV)
    assert second.status_code == 200
    assert second.json() == first.json()
    assert await files_kept(api) == 1


async def test_ten_uploads_of_one_content_at_once_are_one_source(api: Api, client: httpx.AsyncClient) -> None:
    responses = await asyncio.gather(*(uploaded(client) for _ in range(10)))
    assert sorted(response.status_code for response in responses) == [200] * 9 + [201]
    assert len({response.json()["id"] for response in responses}) == 1
    assert await files_kept(api) == 1


async def test_a_source_whose_file_was_swept_gets_it_back_with_the_next_upload(
    api: Api, client: httpx.AsyncClient
) -> None:
    first = (await uploaded(client)).json()
    await api.services.objects.delete_prefix("tmp/sources/")
    again = await uploaded(client)
    assert again.status_code == 200
    assert again.json()["id"] == first["id"]
    assert await files_kept(api) == 1


async def test_a_large_part_arrives_whole_over_many_chunks(api: Api, client: httpx.AsyncClient) -> None:
    data = "".join(f"{number},größe\n" for number in range(60_000)).encode()
    response = await uploaded(client, data)
    assert response.json()["sha256"] == hashlib.sha256(data).hexdigest()


async def test_too_much_is_refused_whether_announced_or_not_and_leaves_nothing(
    api: Api, client: httpx.AsyncClient
) -> None:
    problem(await uploaded(client, b"x" * 1_000_001), 413, "too_large")

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b"x" * 10_000

    problem(await client.post("/v1/sources", params={"name": "x.txt"}, content=endless()), 413, "too_large")
    assert await files_kept(api) == 0


async def test_other_bytes_than_announced_are_refused_and_leave_nothing(api: Api, client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/sources", params={"name": "x.csv", "sha256": "0" * 64}, content=CSV)
    problem(response, 422, "checksum_mismatch")
    assert await files_kept(api) == 0


async def test_an_empty_file_is_refused_and_leaves_nothing(api: Api, client: httpx.AsyncClient) -> None:
    problem(await uploaded(client, b""), 422, "input_unusable")
    assert await files_kept(api) == 0


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"PK\x03\x04" + b"\0" * 200_000, "rows.csv"),
        (b"\x1f\x8b" + b"\0" * 100, "rows.csv"),
        (b"%PDF-1.7\n" + b"x" * 100, "manual.txt"),
        (b"<!doctype html><p>x", "page.csv"),
        (b"PAR1" + b"x" * 1_000, "rows.parquet"),
        (b"  \n ", "blank.csv"),
    ],
)
async def test_what_cannot_be_read_is_refused_by_its_content_and_leaves_nothing(
    api: Api, client: httpx.AsyncClient, data: bytes, name: str
) -> None:
    problem(await uploaded(client, data, name), 422, "input_unusable")
    assert await files_kept(api) == 0


async def test_a_zip_is_refused_before_the_rest_of_it_has_come(client: httpx.AsyncClient) -> None:
    async def archive() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"PK\x03\x04" + b"\0" * 10_000
        pytest.fail("the whole of it was read")

    problem(await client.post("/v1/sources", params={"name": "x.csv"}, content=archive()), 422, "input_unusable")


async def test_the_kind_is_told_by_the_content(client: httpx.AsyncClient) -> None:
    assert (await uploaded(client)).json()["kind"] == "csv"
    assert (await uploaded(client, b'{"a": 1}\n{"a": 2}\n', "rows.json")).json()["kind"] == "jsonl"


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\\b.csv", "a\0.csv", "..", "n" * 300, ""])
async def test_names_that_are_paths_are_refused_before_anything_is_stored(
    api: Api, client: httpx.AsyncClient, name: str
) -> None:
    response = await client.post("/v1/sources", params={"name": name}, content=CSV)
    problem(response, 422, "invalid_request")
    assert await files_kept(api) == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no multipart at all",
        PART + b"a,b\r\n1,2",
        b'--b\r\nContent-Disposition: form-data; name="other"\r\n\r\nx\r\n--b--\r\n',
        PART + b"a\r\n" + PART + b"b\r\n--b--\r\n",
        b"--b\r\nContent-Disposition: " + b"x" * 10_000,
    ],
    ids=["empty", "not multipart", "cut off", "another part", "two files", "endless header"],
)
async def test_a_body_that_is_no_proper_form_is_refused_and_leaves_nothing(
    api: Api, client: httpx.AsyncClient, body: bytes
) -> None:
    headers = {"content-type": "multipart/form-data; boundary=b"}
    problem(await client.post("/v1/sources", content=body, headers=headers), 400, "unreadable_request")
    assert await files_kept(api) == 0


async def test_compressed_and_form_encoded_bodies_are_not_taken(client: httpx.AsyncClient) -> None:
    for headers in ({"content-encoding": "gzip"}, {"content-type": "application/x-www-form-urlencoded"}):
        response = await client.post("/v1/sources", params={"name": "x"}, content=CSV, headers=headers)
        problem(response, 415, "unsupported_media_type")


async def test_a_deleted_source_is_gone_with_its_file(api: Api, client: httpx.AsyncClient) -> None:
    location = (await uploaded(client)).headers["location"]
    assert (await client.delete(location)).status_code == 204
    problem(await client.get(location), 404, "not_found")
    problem(await client.delete(location), 404, "not_found")
    assert await files_kept(api) == 0


async def test_the_list_goes_page_by_page_through_all_sources(client: httpx.AsyncClient) -> None:
    for number in range(5):
        await uploaded(client, b"row\n%d\n" % number, f"{number}.csv")
    seen: list[str] = []
    params: dict[str, str] = {"limit": "2"}
    while True:
        page = (await client.get("/v1/sources", params=params)).json()
        assert page["total"] == 5
        seen += [item["name"] for item in page["items"]]
        if page["cursor"] is None:
            break
        params["cursor"] = page["cursor"]
    assert seen == ["4.csv", "3.csv", "2.csv", "1.csv", "0.csv"]


async def test_a_made_up_cursor_is_a_fault_of_the_request(client: httpx.AsyncClient) -> None:
    problem(await client.get("/v1/sources", params={"cursor": "nonsense"}), 422, "invalid_request")


async def test_another_tenant_sees_nothing_and_the_same_content_is_its_own(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    mine = (await uploaded(client)).json()
    problem(await stranger.get(f"/v1/sources/{mine['id']}"), 404, "not_found")
    problem(await stranger.delete(f"/v1/sources/{mine['id']}"), 404, "not_found")
    assert (await stranger.get("/v1/sources")).json()["items"] == []
    theirs = await uploaded(stranger)
    assert theirs.status_code == 201
    assert theirs.json()["id"] != mine["id"]
    await stranger.delete(theirs.headers["location"])
    assert (await client.get(f"/v1/sources/{mine['id']}")).status_code == 200
