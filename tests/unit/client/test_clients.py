"""Both clients on the real application: files up, a job followed to its end, its records and a file of them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from synthmill.client import AsyncClient, Client
from synthmill.client.errors import NotFound, Unauthenticated
from synthmill.client.files import PIECE_BYTES
from synthmill.client.frames import Listener
from synthmill.client.models import End, Event, JobProgress, StateChanged, Told
from synthmill.jobs.documents import change_job, jobs_of
from synthmill_schemas.job import JobPurpose, JobState
from tests.support.api import BASE_URL, Api, started
from tests.support.jobs import TENANT, accepted, recipe, store_slots
from tests.support.uploads import worked
from tests.support.wait import until_async

RECIPE = recipe().recipe.model_dump(mode="json")


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with started(tmp_path / "home", max_source_bytes=5 * PIECE_BYTES) as running:
        yield running


@pytest.fixture
async def client(api: Api) -> AsyncIterator[AsyncClient]:
    http = httpx.AsyncClient(transport=httpx.ASGITransport(api.app, raise_app_exceptions=False))
    async with AsyncClient(BASE_URL, await api.key(), patience=2.0, http=http) as made:
        yield made


async def finish(api: Api, job_id: str) -> None:
    await store_slots(api.services, *(accepted(job_id, slot) for slot in range(4)))
    await change_job(api.services.store, TENANT, job_id, lambda _: {"state": JobState.COMPLETED, "records": 4})


async def test_a_job_from_its_order_to_a_file(api: Api, client: AsyncClient, tmp_path: Path) -> None:
    job = await client.create_job(recipe=RECIPE, labels={"team": "a"}, key="monday")
    assert (await client.create_job(recipe=RECIPE, labels={"team": "a"}, key="monday")).id == job.id
    await finish(api, job.id)
    seen: list[JobProgress] = []

    async def see(progress: JobProgress) -> None:
        seen.append(progress)

    ended = await client.wait(job.id, see)
    assert (ended.state, ended.accepted, ended.rests, seen[-1].accepted) == (JobState.COMPLETED, 4, True, 4)
    assert [record.slot async for record in client.records(job.id)] == [0, 1, 2, 3]
    assert [one.id async for one in client.jobs(states=[JobState.COMPLETED])] == [job.id]
    target = tmp_path / "out.jsonl"
    exporting = asyncio.create_task(client.export(job.id, target))
    while not exporting.done():
        await worked(api.services)
        await asyncio.wait({exporting}, timeout=0.05)
    export = exporting.result()
    assert export.records == len(target.read_text().splitlines()) == 4
    assert list(tmp_path.glob(".out*")) == []


async def test_files_go_up_whole_or_in_pieces_and_are_one_source(client: AsyncClient, tmp_path: Path) -> None:
    small, large = tmp_path / "small.csv", tmp_path / "large.csv"
    small.write_bytes(b"title\nlamp\n")
    large.write_bytes(b"title\n" + b"a lamp with a long name\n" * (PIECE_BYTES // 10))
    first, again = await client.upload(small), await client.upload(small)
    assert first.id == again.id
    source = await client.upload(large)
    assert (source.size, source.name) == (large.stat().st_size, "large.csv")
    assert {one.id async for one in client.sources()} == {first.id, source.id}
    await client.delete_source(first.id)
    assert [one.id async for one in client.sources()] == [source.id]


async def test_recipes_are_stored_and_ordered_by_name(api: Api, client: AsyncClient) -> None:
    stored = await client.store_recipe(RECIPE)
    assert (await client.recipe("colours")).recipe["name"] == "colours"
    assert [one.version async for one in client.recipes()] == [stored.version]
    job = await client.create_job(stored_recipe=f"colours@{stored.version}")
    assert (await client.pause(job.id)).state is JobState.PAUSED
    assert (await client.cancel((await client.resume(job.id)).id)).state is JobState.CANCELLED
    assert [event.name async for event in client.events(job.id)][-1] == "job.cancelled"
    assert [one async for one in client.rejects(job.id)] == []


async def test_a_quote_is_told_once_its_few_slots_are_made(api: Api, client: AsyncClient) -> None:
    asking = asyncio.create_task(client.quote(recipe=RECIPE, records=1_000, slots=4, key="monday"))
    place = jobs_of(TENANT)

    async def ordered() -> str | None:
        await api.services.store.visible(place)
        return next(iter([job.id async for job in api.services.store.scan(place, {"purpose": "quote"})]), None)

    await finish(api, await until_async(ordered, "the quote's job"))
    quote = await asking
    assert (quote.dataset, quote.records, quote.slots, quote.rests) == ("colours", 1_000, 4, True)
    assert await client.quote(recipe=RECIPE, records=1_000, slots=4, key="monday") == quote
    assert [job.id async for job in client.jobs()] == []
    assert [(job.id, job.purpose) async for job in client.jobs(purposes=[JobPurpose.QUOTE])] == [
        (quote.id, JobPurpose.QUOTE)
    ]


async def test_refusals_are_exceptions(client: AsyncClient, api: Api) -> None:
    with pytest.raises(NotFound):
        await client.job("nobody")
    http = httpx.AsyncClient(transport=httpx.ASGITransport(api.app))
    async with AsyncClient(BASE_URL, "smk_wrong", http=http) as stranger:
        with pytest.raises(Unauthenticated):
            await stranger.job("nobody")


FRAMES = (
    "retry: 2000\n\n"
    'id: 0.1\nevent: state\ndata: {"n":1,"state":"created","round":1,"reason":null,"at":"2026-11-23T10:00:00Z"}\n\n'
    ": still here\n\n"
    'id: 1.1\nevent: event\ndata: {"id":"e1","service":"worker","name":"job.x","level":"info","message":"m",'
    '"fields":{},"at":"2026-11-23T10:00:00Z"}\n\n'
)
END = 'id: 1.1.end\nevent: end\ndata: {"job_id":"job-1","state":"completed","reason":null}\n\n'


class _Breaks(httpx.SyncByteStream):
    """A stream that breaks off in the middle of a frame."""

    def __iter__(self) -> Iterator[bytes]:
        yield (FRAMES + "id: 9.9\nevent: event\ndata: {").encode()
        raise httpx.ReadError("cut")


def test_a_broken_stream_goes_on_behind_the_last_whole_frame() -> None:
    positions: list[str | None] = []

    def serve(request: httpx.Request) -> httpx.Response:
        positions.append(request.headers.get("last-event-id"))
        headers = {"content-type": "text/event-stream"}
        if len(positions) == 1:
            return httpx.Response(200, headers=headers, stream=_Breaks())
        return httpx.Response(200, headers=headers, text=END)

    with Client("http://api.test", "k", http=httpx.Client(transport=httpx.MockTransport(serve))) as client:
        told = list(client.follow("job-1"))
    assert [type(each) for each in told] == [StateChanged, Event, End]
    assert positions == [None, "1.1"]


def test_frames_of_kinds_to_come_are_passed_over() -> None:
    listener = Listener()
    lines = ["event: something_new", "id: 5.5", "data: {}", ""]
    told: list[Told | None] = [listener.line(line) for line in lines]
    assert told == [None] * 4
    assert listener.position == "5.5"
