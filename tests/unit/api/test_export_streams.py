"""Streamed exports: every format and packing, parts that split no seed, and going on where a stream broke off."""

import csv
import gzip
import io
import json
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from synthmill.jobs.release import release
from synthmill.ports.records import Collection, Place
from tests.support.api import Api, problem
from tests.support.jobs import TENANT, accepted
from tests.support.made import made_job, poems, put_slots

JOB = "job-1"
COUNT = 1_203
TALK = ["instruction:colour", "output:poem"]


@pytest.fixture
async def job(api: Api) -> str:
    """A job of records over several batches."""
    await made_job(api.services, poems(COUNT), job_id=JOB)
    return JOB


async def exported(client: httpx.AsyncClient, path: str = f"/v1/jobs/{JOB}/export", **params: Any) -> bytes:  # noqa: ANN401  any query
    response = await client.get(path, params=params)
    assert response.status_code == 200, response.text
    return response.content


def ids(data: bytes) -> list[str]:
    return [json.loads(line)["_record_id"] for line in data.splitlines()]


ALL = [f"{JOB}-{slot}" for slot in range(COUNT)]


async def test_every_format_holds_every_record_in_order(client: httpx.AsyncClient, job: str) -> None:
    assert ids(await exported(client)) == ALL
    rows = csv.DictReader(io.StringIO((await exported(client, format="csv")).decode(), newline=""))
    assert [row["_record_id"] for row in rows] == ALL
    parquet = pq.read_table(io.BytesIO(await exported(client, format="parquet")))
    arrow = pa.ipc.open_stream(await exported(client, format="arrow")).read_all()
    assert parquet.column("_record_id").to_pylist() == ALL
    assert arrow.equals(parquet)
    lineage = (await exported(client, format="lineage")).splitlines()
    assert [json.loads(line)["record_id"] for line in lineage] == ALL


async def test_a_packed_stream_unpacks_to_the_plain_one(client: httpx.AsyncClient, job: str) -> None:
    plain = await exported(client)
    response = await client.get(f"/v1/jobs/{JOB}/export", params={"compression": "gzip"})
    assert response.headers["content-type"] == "application/gzip"
    assert "content-encoding" not in response.headers
    assert gzip.decompress(response.content) == plain
    response = await client.get(f"/v1/jobs/{JOB}/export", params={"compression": "zstd", "format": "csv"})
    assert response.headers["content-disposition"] == 'attachment; filename="colours.csv.zst"'
    assert pa.CompressedInputStream(pa.BufferReader(response.content), "zstd").read() == await exported(
        client, format="csv"
    )


async def test_chat_formats_are_what_trainers_read(client: httpx.AsyncClient, job: str) -> None:
    first = {
        format_: json.loads((await exported(client, format=format_, chat=TALK)).splitlines()[0])
        for format_ in ("alpaca", "sharegpt", "messages")
    }
    assert first == {
        "alpaca": {"instruction": "blue", "input": "", "output": "poem 0 ü"},
        "sharegpt": {"conversations": [{"from": "human", "value": "blue"}, {"from": "gpt", "value": "poem 0 ü"}]},
        "messages": {"messages": [{"role": "user", "content": "blue"}, {"role": "assistant", "content": "poem 0 ü"}]},
    }


async def test_records_without_the_columns_of_a_chat_format_are_told_which_it_needs(
    client: httpx.AsyncClient, job: str
) -> None:
    told = problem(await client.get(f"/v1/jobs/{JOB}/export?format=alpaca&chat=output:poem"), 422, "columns_missing")
    assert "nothing plays the part of instruction. The records have colour, poem;" in told["detail"]
    refused: tuple[tuple[dict[str, Any], str], ...] = (
        ({"format": "messages"}, "columns_missing"),
        ({"format": "messages", "chat": "conversation:poem"}, "columns_missing"),
        ({"format": "alpaca", "chat": ["instruction:shape", "output:poem"]}, "unknown_field"),
        ({"format": "alpaca", "chat": "poem"}, "invalid_request"),
        ({"filter": "shape=round"}, "unknown_field"),
        ({"test_share": 1, "part": "test"}, "invalid_request"),
        ({"after": "job-2-1"}, "invalid_request"),
        ({"after": f"{JOB}-1", "filter": "@slot>=3"}, "invalid_request"),
    )
    for params, code in refused:
        problem(await client.get(f"/v1/jobs/{JOB}/export", params=params), 422, code)
    body = {"format": "sharegpt"}
    problem(await client.post(f"/v1/jobs/{JOB}/exports", json=body), 422, "columns_missing")


async def test_the_parts_share_no_seed_and_are_the_same_in_every_version(api: Api, client: httpx.AsyncClient) -> None:
    await made_job(api.services, job_id=JOB, records=900)
    await put_slots(api.services, *(accepted(JOB, slot, seed_id=f"seed-{slot // 3}") for slot in range(900)))
    train, test = [ids(await exported(client, part=part, test_share=0.2)) for part in ("train", "test")]
    assert sorted(train + test) == sorted(f"{JOB}-{slot}" for slot in range(900))
    seeds = [{int(id_.rpartition("-")[2]) // 3 for id_ in part} for part in (train, test)]
    assert seeds[0].isdisjoint(seeds[1])
    assert len(seeds[1]) == pytest.approx(0.2 * 300, abs=25)
    await release(api.services, TENANT, JOB)
    path = "/v1/datasets/colours/export"
    assert sorted(ids(await exported(client, path, part="test", test_share=0.2))) == sorted(test)


@pytest.mark.parametrize("format_", ["jsonl", "csv"])
async def test_a_stream_that_broke_off_goes_on_behind_its_last_line(
    client: httpx.AsyncClient, job: str, format_: str
) -> None:
    whole = await exported(client, format=format_)
    lines = whole.splitlines(keepends=True)
    broken = b"".join(lines[:700]) + lines[700][:10]
    kept = broken[: broken.rindex(b"\n") + 1]
    last = ids(kept)[-1] if format_ == "jsonl" else kept.splitlines()[-1].rpartition(b",")[2].decode()
    assert kept + await exported(client, format=format_, after=last) == whole


async def test_a_version_is_streamed_in_the_order_of_ids_and_goes_on(api: Api, client: httpx.AsyncClient) -> None:
    for first, name in ((0, "first"), (20, "second")):
        await made_job(api.services, job_id=name, records=20)
        slots = (
            accepted(name, slot, seed_id=f"{name}-{slot}", content_hash=f"{first + slot:064x}") for slot in range(20)
        )
        await put_slots(api.services, *slots)
        await release(api.services, TENANT, name)
    path = "/v1/datasets/colours/export"
    whole = ids(await exported(client, path))
    assert whole == sorted(whole)
    assert len(whole) == 40
    assert ids(await exported(client, path, version=1)) == [id_ for id_ in whole if id_.startswith("first")]
    assert ids(await exported(client, path, after=whole[12])) == whole[13:]
    response = await client.get(path, params={"format": "csv"})
    assert response.headers["content-disposition"] == 'attachment; filename="colours.v2.csv"'
    problem(await client.get(path, params={"version": 3}), 404, "not_found")


async def test_only_records_that_meet_the_filters_are_exported(client: httpx.AsyncClient, job: str) -> None:
    red = await exported(client, filter=["colour=red", "@slot>=1000"])
    assert ids(red) == [id_ for id_ in ALL[1000:] if int(id_.rpartition("-")[2]) % 2]


async def test_twenty_thousand_records_equal_the_index_by_count_and_content(
    api: Api, client: httpx.AsyncClient
) -> None:
    count, step = 20_000, 2_000
    for first in range(0, count, step):
        await made_job(api.services, poems(step), job_id=JOB, records=count, first_slot=first)
    lines = [json.loads(line) for line in (await exported(client)).splitlines()]
    stored = api.services.store.scan(Place(TENANT, Collection.RECORDS, "colours"), {"job_id": JOB})
    assert len(lines) == count
    assert {line.pop("_record_id"): line for line in lines} == {each.id: each.document["data"] async for each in stored}
