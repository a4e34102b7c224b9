"""Uploads in pieces by the tus protocol: kept as they come, one writer at a time, a source at the end, else nothing."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from synthmill.catalog.resumable import append as appending
from synthmill.catalog.resumable import incoming
from synthmill.catalog.resumable.append import Piece, append
from synthmill.catalog.resumable.documents import UPLOADS, change_upload, create_upload
from synthmill.catalog.resumable.errors import UploadLocked, UploadStalled
from synthmill.jobs.sweep import sweep
from synthmill_schemas.base import now
from synthmill_schemas.job import Lease
from tests.support.api import Api, problem

CSV = b"sku,title\n" + b"".join(b"A-%d,lamp %d\n" % (number, number) for number in range(2_000))
HALF = len(CSV) // 2
SMALL_PART = 4_096
TYPE = {"content-type": "application/offset+octet-stream", "tus-resumable": "1.0.0"}


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a few kilobytes, so that little data makes many."""
    monkeypatch.setattr("synthmill.catalog.resumable.documents.PART_BYTES", SMALL_PART)


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def metadata(name: str = "products.csv", sha256: str | None = None) -> str:
    pairs = [f"filename {base64_of(name.encode())}"]
    return ",".join([*pairs, *([f"sha256 {base64_of(sha256.encode())}"] if sha256 else [])])


async def created(
    client: httpx.AsyncClient, length: int = len(CSV), *, name: str = "products.csv", sha256: str | None = None
) -> str:
    headers = {"upload-length": str(length), "upload-metadata": metadata(name, sha256), "tus-resumable": "1.0.0"}
    response = await client.post("/v1/uploads", headers=headers)
    assert response.status_code == 201, response.text
    return response.headers["location"]


async def sent(
    client: httpx.AsyncClient, location: str, offset: int, data: bytes | AsyncIterator[bytes], **more: str
) -> httpx.Response:
    headers = {**TYPE, "upload-offset": str(offset), **more}
    return await client.patch(location, headers=headers, content=data)


async def offset_of(client: httpx.AsyncClient, location: str) -> int:
    response = await client.head(location, headers={"tus-resumable": "1.0.0"})
    assert response.status_code == 200
    return int(response.headers["upload-offset"])


async def files_kept(api: Api) -> list[str]:
    return [item.key async for item in api.services.objects.list("tmp/")]


async def content_of(api: Api, client: httpx.AsyncClient, location: str) -> bytes:
    """The bytes of the source that an upload became, of which one file is there and nothing else."""
    upload = (await client.get(location)).json()
    assert upload["offset"] == upload["length"]
    source = (await client.get(f"/v1/sources/{upload['source_id']}")).json()
    (key,) = await files_kept(api)
    async with api.services.objects.open(key) as file:
        data = file.read()
    assert source["sha256"] == hashlib.sha256(data).hexdigest()
    return data


async def nothing_left(api: Api, client: httpx.AsyncClient, location: str) -> None:
    assert (await client.head(location)).status_code == 404
    assert await files_kept(api) == []
    assert (await client.get("/v1/sources")).json()["total"] == 0


@pytest.mark.parametrize(
    "cuts", [[], [HALF], [1, 2, 3], [SMALL_PART], [SMALL_PART - 1, SMALL_PART + 1], [5_000, 9_000]]
)
async def test_pieces_of_any_size_become_the_source_that_one_request_would_have_made(
    api: Api, client: httpx.AsyncClient, cuts: list[int]
) -> None:
    location = await created(client)
    for start, end in zip([0, *cuts], [*cuts, len(CSV)], strict=True):
        response = await sent(client, location, start, CSV[start:end])
        assert (response.status_code, response.headers["upload-offset"]) == (204, str(end))
        assert response.headers["tus-resumable"] == "1.0.0"
    assert response.headers["content-location"].startswith("/v1/sources/src_")
    assert await content_of(api, client, location) == CSV
    whole = await client.post("/v1/sources", params={"name": "products.csv"}, content=CSV)
    assert (whole.status_code, whole.headers["location"]) == (200, response.headers["content-location"])


async def test_the_same_file_twice_is_one_source(api: Api, client: httpx.AsyncClient) -> None:
    first, second = await created(client), await created(client)
    became = [(await sent(client, each, 0, CSV)).headers["content-location"] for each in (first, second)]
    assert became[0] == became[1]
    assert await content_of(api, client, second) == CSV


async def test_a_creation_may_bring_the_first_piece_along(api: Api, client: httpx.AsyncClient) -> None:
    headers = {**TYPE, "upload-length": str(len(CSV)), "upload-metadata": metadata()}
    response = await client.post("/v1/uploads", headers=headers, content=CSV[:HALF])
    assert (response.status_code, response.headers["upload-offset"]) == (201, str(HALF))
    await sent(client, response.headers["location"], HALF, CSV[HALF:])
    assert await content_of(api, client, response.headers["location"]) == CSV


async def test_what_came_before_a_cut_is_kept_and_the_rest_goes_on_from_there(
    api: Api, client: httpx.AsyncClient
) -> None:
    upload = await create_upload(
        api.services, "default", name="a.csv", length=len(CSV), sha256=None, metadata=metadata("a.csv")
    )

    async def cut() -> AsyncIterator[bytes]:
        for start in range(0, HALF, 1_000):
            yield CSV[start : min(start + 1_000, HALF)]
        raise ConnectionResetError("the client left")

    with pytest.raises(ConnectionResetError):
        await append(api.services, "default", upload.upload_id, Piece(0, cut()))
    location = f"/v1/uploads/{upload.upload_id}"
    assert await offset_of(client, location) == HALF
    assert (await sent(client, location, HALF, CSV[HALF:])).status_code == 204
    assert await content_of(api, client, location) == CSV


async def test_a_silent_client_is_let_go_and_locks_out_nobody(
    api: Api, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "STALL_SECONDS", 0.05)
    location = await created(client)

    async def silent() -> AsyncIterator[bytes]:
        yield CSV[:10]
        await asyncio.Event().wait()

    with pytest.raises(UploadStalled):
        await append(api.services, "default", location.rpartition("/")[2], Piece(0, silent()))
    assert (await sent(client, location, 10, CSV[10:])).status_code == 204


async def test_a_second_writer_is_refused_while_the_first_one_sends(api: Api, client: httpx.AsyncClient) -> None:
    location = await created(client)
    writing, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield CSV[:100]
        writing.set()
        await go_on.wait()
        yield CSV[100:]

    first = asyncio.create_task(sent(client, location, 0, slow()))
    await writing.wait()
    problem(await sent(client, location, 0, CSV), 423, "upload_locked")
    problem(await client.delete(location), 423, "upload_locked")
    go_on.set()
    assert (await first).status_code == 204
    assert await content_of(api, client, location) == CSV


async def test_of_many_at_once_one_writes_and_none_spoils_it(api: Api, client: httpx.AsyncClient) -> None:
    location = await created(client)
    responses = await asyncio.gather(*(sent(client, location, 0, CSV) for _ in range(8)))
    statuses = [response.status_code for response in responses]
    assert statuses.count(204) == 1
    assert set(statuses) <= {204, 409, 423}
    assert await content_of(api, client, location) == CSV


async def test_a_writer_whose_lease_was_taken_over_changes_nothing(
    api: Api, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appending, "_LEASE_SECONDS", 0.0)
    location = await created(client)
    other: list[httpx.Response] = []

    async def overtaken() -> AsyncIterator[bytes]:
        yield b"x" * 10
        other.append(await sent(client, location, 0, CSV))
        yield b"x" * SMALL_PART

    with pytest.raises(UploadLocked):
        await append(api.services, "default", location.rpartition("/")[2], Piece(0, overtaken()))
    assert other[0].status_code == 204
    assert await content_of(api, client, location) == CSV


async def test_a_writer_that_died_is_followed_by_another_when_its_lease_ends(
    api: Api, client: httpx.AsyncClient
) -> None:
    location = await created(client)
    dead = Lease(owner="gone", expires_at=now() - timedelta(seconds=1))
    await change_upload(api.services, "default", location.rpartition("/")[2], lambda _: {"writer": dead})
    assert (await sent(client, location, 0, CSV)).status_code == 204


async def test_a_piece_that_begins_elsewhere_is_refused(client: httpx.AsyncClient) -> None:
    location = await created(client)
    await sent(client, location, 0, CSV[:HALF])
    for offset in (1, HALF - 1, HALF + 1, len(CSV)):
        problem(await sent(client, location, offset, b"x"), 409, "upload_offset")
    assert await offset_of(client, location) == HALF


async def test_more_bytes_than_announced_are_refused_and_what_fits_is_no_source(
    api: Api, client: httpx.AsyncClient
) -> None:
    location = await created(client, len(CSV) - 5)
    problem(await sent(client, location, 0, CSV), 413, "too_large")
    assert (await client.get(location)).json()["source_id"] is None
    assert await offset_of(client, location) < len(CSV) - 5


async def test_a_piece_is_held_to_its_checksum_and_kept_whole_or_not_at_all(
    api: Api, client: httpx.AsyncClient
) -> None:
    location, algorithm = await created(client), "sha1"
    right = f"{algorithm} {base64_of(hashlib.new(algorithm, CSV[:HALF]).digest())}"
    wrong = f"{algorithm} {base64_of(hashlib.new(algorithm, b'other').digest())}"
    problem(await sent(client, location, 0, CSV[:HALF], **{"upload-checksum": wrong}), 460, "piece_mismatch")
    assert await offset_of(client, location) == 0
    assert await files_kept(api) == []
    assert (await sent(client, location, 0, CSV[:HALF], **{"upload-checksum": right})).status_code == 204
    await sent(client, location, HALF, CSV[HALF:])
    assert await content_of(api, client, location) == CSV


async def test_a_checksum_that_cannot_be_read_is_told(client: httpx.AsyncClient) -> None:
    location = await created(client)
    for checksum in ("crc32 AAAA", "sha1 %%%"):
        response = await sent(client, location, 0, CSV, **{"upload-checksum": checksum})
        problem(response, 400, "unreadable_request")


async def test_other_bytes_than_the_whole_was_announced_with_leave_nothing(api: Api, client: httpx.AsyncClient) -> None:
    location = await created(client, sha256="0" * 64)
    problem(await sent(client, location, 0, CSV), 422, "checksum_mismatch")
    await nothing_left(api, client, location)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"PK\x03\x04" + b"\0" * 200_000, "rows.csv"),
        (b"\x1f\x8b" + b"\0" * 100, "rows.csv"),
        (b"PAR1" + b"x" * 1_000, "rows.parquet"),
        (b"  \n ", "blank.csv"),
    ],
    ids=["zip", "gzip", "cut Parquet", "blank"],
)
async def test_what_cannot_be_read_is_refused_by_its_content_and_leaves_nothing(
    api: Api, client: httpx.AsyncClient, data: bytes, name: str
) -> None:
    location = await created(client, len(data), name=name)
    problem(await sent(client, location, 0, data), 422, "input_unusable")
    await nothing_left(api, client, location)


async def test_an_archive_is_refused_before_the_rest_of_it_has_come(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synthmill.catalog.resumable.documents.PART_BYTES", 1 << 20)
    location = await created(client, 1_000_000)

    async def archive() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"PK\x03\x04" + b"\0" * 10_000
        pytest.fail("the whole of it was read")

    problem(await sent(client, location, 0, archive()), 422, "input_unusable")
    assert (await client.head(location)).status_code == 404


async def test_names_that_are_paths_are_refused(client: httpx.AsyncClient) -> None:
    for name in ("../../etc/passwd", "a\\b.csv", "a\0.csv", "..", "n" * 300, ""):
        headers = {"upload-length": "5", "upload-metadata": metadata(name)}
        problem(await client.post("/v1/uploads", headers=headers), 422, "invalid_request")


async def test_a_creation_that_can_come_to_nothing_is_refused_at_once(client: httpx.AsyncClient) -> None:
    refused: list[tuple[dict[str, str], int, str]] = [
        ({}, 422, "invalid_request"),
        ({"upload-length": "-1"}, 422, "invalid_request"),
        ({"upload-length": "0"}, 422, "input_unusable"),
        ({"upload-length": "1000001"}, 413, "too_large"),
        ({"upload-length": "5", "upload-metadata": "filename %%%"}, 422, "invalid_request"),
        ({"upload-length": "5", "upload-metadata": "other"}, 422, "invalid_request"),
        ({"upload-length": "5", "tus-resumable": "0.2.2"}, 412, "tus_version"),
    ]
    for headers, status, code in refused:
        response = await client.post("/v1/uploads", headers={"upload-metadata": metadata(), **headers})
        problem(response, status, code)
        assert response.headers["tus-resumable"] == "1.0.0"
    assert (await client.get("/v1/uploads")).json()["total"] == 0


async def test_a_piece_of_another_type_is_refused(client: httpx.AsyncClient) -> None:
    location = await created(client)
    response = await client.patch(location, headers={"upload-offset": "0", "content-type": "text/csv"}, content=CSV)
    problem(response, 415, "unsupported_media_type")


async def test_abilities_are_told_and_every_answer_names_the_version(client: httpx.AsyncClient) -> None:
    response = await client.options("/v1/uploads")
    assert response.status_code == 204
    assert response.headers["tus-version"] == response.headers["tus-resumable"] == "1.0.0"
    assert {"creation", "checksum", "expiration", "termination"} <= set(response.headers["tus-extension"].split(","))
    assert response.headers["tus-max-size"] == "1000000"


async def test_a_head_tells_length_and_metadata_and_is_not_to_be_cached(client: httpx.AsyncClient) -> None:
    headers = (await client.head(await created(client))).headers
    assert (headers["upload-length"], headers["upload-metadata"]) == (str(len(CSV)), metadata())
    assert headers["cache-control"] == "no-store"
    assert headers["upload-expires"].endswith("GMT")


async def test_a_post_may_stand_for_a_method_that_a_proxy_refuses(client: httpx.AsyncClient) -> None:
    location = await created(client)
    headers = {**TYPE, "upload-offset": "0", "x-http-method-override": "PATCH"}
    assert (await client.post(location, headers=headers, content=CSV[:HALF])).headers["upload-offset"] == str(HALF)
    assert (await client.post(location, headers={"x-http-method-override": "DELETE"})).status_code == 204


async def test_giving_up_leaves_nothing(api: Api, client: httpx.AsyncClient) -> None:
    location = await created(client)
    await sent(client, location, 0, CSV[:HALF])
    assert len(await files_kept(api)) > 1
    assert (await client.delete(location)).status_code == 204
    await nothing_left(api, client, location)


async def test_an_upload_whose_time_is_over_takes_no_more_and_the_sweep_leaves_nothing_of_it(
    api: Api, client: httpx.AsyncClient
) -> None:
    location, other = await created(client), await created(client)
    for each in (location, other):
        await sent(client, each, 0, CSV[:HALF])
    over = {"expires_at": now() - timedelta(seconds=1)}
    await change_upload(api.services, "default", location.rpartition("/")[2], lambda _: over)
    problem(await sent(client, location, HALF, CSV[HALF:]), 410, "upload_expired")
    assert (await sweep(api.services, dry_run=True)).unfinished_uploads == 1
    assert (await sweep(api.services)).unfinished_uploads == 1
    assert (await client.head(location)).status_code == 404
    assert (await sent(client, other, HALF, CSV[HALF:])).status_code == 204
    assert await content_of(api, client, other) == CSV


async def test_what_is_known_of_a_finished_upload_goes_when_its_time_is_over_and_its_source_stays(
    api: Api, client: httpx.AsyncClient
) -> None:
    location = await created(client)
    source = (await sent(client, location, 0, CSV)).headers["content-location"]
    over = {"expires_at": now() - timedelta(seconds=1)}
    await change_upload(api.services, "default", location.rpartition("/")[2], lambda _: over)
    assert (await sweep(api.services)).nothing
    assert [stored async for stored in api.services.store.scan(UPLOADS)] == []
    assert (await client.get(source)).status_code == 200


async def test_another_tenant_reaches_nothing(client: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    location = await created(client)
    problem(await stranger.get(location), 404, "not_found")
    assert (await stranger.head(location)).status_code == 404
    problem(await sent(stranger, location, 0, CSV), 404, "not_found")
    problem(await stranger.delete(location), 404, "not_found")
    assert (await stranger.get("/v1/uploads")).json()["items"] == []
    assert [item["offset"] for item in (await client.get("/v1/uploads")).json()["items"]] == [0]
