"""A stream of a job: every change and event once, also for a client that comes back, and an end."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from synthmill.jobs.documents import change_job
from synthmill.jobs.events import say
from synthmill.jobs.order import JobOrder, new_job_id
from synthmill.jobs.submit import submit
from synthmill.ports.records import Collection, Place
from synthmill_api.live.service import Position
from synthmill_api.live.stream import Terms, stream
from synthmill_schemas.job import JobState
from tests.support.api import Api, problem, started
from tests.support.jobs import TENANT, accepted, recipe, store_slots


@pytest.fixture
async def job(api: Api) -> str:
    """A job that nobody works on."""
    return await ordered(api)


async def ordered(api: Api) -> str:
    return (await submit(api.services, JobOrder(TENANT, new_job_id(), recipe()))).job_id


def read(text: str) -> list[dict[str, Any]]:
    """The frames of a stream: name, id, and data as JSON."""
    frames = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith((":", "retry")))
        if lines:
            frames.append({**lines, "data": json.loads(lines["data"])})
    return frames


async def finish(api: Api, job: str, state: JobState = JobState.COMPLETED) -> None:
    await store_slots(api.services, *(accepted(job, slot) for slot in range(4)))
    await change_job(api.services.store, TENANT, job, lambda _: {"state": state, "records": 4})
    await say(api.services.store, "worker", f"job.{state}", "it has ended", tenant=TENANT, job_id=job)


async def heard(client: httpx.AsyncClient, job: str, last: str | None = None) -> list[dict[str, Any]]:
    headers = {} if last is None else {"last-event-id": last}
    response = await client.get(f"/v1/jobs/{job}/events/stream", headers=headers)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    return read(response.text)


def stored(frames: list[dict[str, Any]]) -> list[object]:
    """What a client must get exactly once."""
    return [(f["event"], f["data"].get("n") or f["data"]["id"]) for f in frames if f["event"] in ("state", "event")]


async def test_a_job_is_told_from_its_first_state_to_its_end(api: Api, client: httpx.AsyncClient, job: str) -> None:
    await finish(api, job)
    frames = await heard(client, job)
    states = [frame["data"]["state"] for frame in frames if frame["event"] == "state"]
    assert states == ["created", "publishing", "published", "completed"]
    names = [frame["data"]["name"] for frame in frames if frame["event"] == "event"]
    assert names[-1] == "job.completed"
    (progress,) = [frame for frame in frames if frame["event"] == "progress"][-1:]
    assert (progress["data"]["accepted"], progress["data"]["requested"], "id" in progress) == (4, 4, False)
    assert frames[-1]["event"] == "end"
    assert frames[-1]["data"] == {"job_id": job, "state": "completed", "reason": None}


async def test_a_client_that_comes_back_at_any_place_gets_the_rest_and_nothing_twice(
    api: Api, client: httpx.AsyncClient, job: str
) -> None:
    await finish(api, job)
    whole = [frame for frame in await heard(client, job) if "id" in frame]
    for place, frame in enumerate(whole[:-1]):
        rest = await heard(client, job, frame["id"])
        assert stored(whole[: place + 1]) + stored(rest) == stored(whole)


async def test_who_knows_the_end_is_told_to_stay_away_until_the_job_goes_on(
    api: Api, client: httpx.AsyncClient, job: str
) -> None:
    await finish(api, job, JobState.FAILED)
    end = (await heard(client, job))[-1]
    path, headers = f"/v1/jobs/{job}/events/stream", {"last-event-id": end["id"]}
    assert (await client.get(path, headers=headers)).status_code == 204
    await change_job(api.services.store, TENANT, job, lambda _: {"state": JobState.PUBLISHED, "round": 2})
    await finish(api, job)
    more = await heard(client, job, end["id"])
    assert [frame["data"]["state"] for frame in more if frame["event"] == "state"] == ["published", "completed"]


@pytest.mark.parametrize("position", ["9999.1", "1.9999", "nonsense", "1.1.done"])
async def test_a_position_of_another_job_is_refused(
    api: Api, client: httpx.AsyncClient, job: str, position: str
) -> None:
    await finish(api, job)
    response = await client.get(f"/v1/jobs/{job}/events/stream", headers={"last-event-id": position})
    problem(response, 422, "invalid_request")


@asynccontextmanager
async def listener(api: Api, job: str, **terms: float) -> AsyncIterator[AsyncIterator[bytes]]:
    """One who reads frame by frame, which a client over ASGI cannot."""
    runtime = api.runtime
    async with runtime.live.listening(api.services, TENANT, job) as watch:
        told = Terms(terms.get("heartbeat", 15.0), terms.get("whole", 60.0))
        frames = stream(runtime.live, api.services, watch, Position(), told)
        try:
            yield frames
        finally:
            await frames.aclose()


async def until(frames: AsyncIterator[bytes], word: str) -> list[dict[str, Any]]:
    """Frames up to one that says this."""
    text = ""
    async for frame in frames:
        text += frame.decode()
        if word in frame.decode():
            return read(text)
    raise AssertionError(f"{word} never came: {text}")


async def test_what_happens_meanwhile_is_told_to_all_by_one_watch(api: Api, job: str) -> None:
    async with listener(api, job) as one, listener(api, job) as other:
        await until(one, "published")
        await until(other, "published")
        assert len([task for task in asyncio.all_tasks() if task.get_name() == f"watch {job}"]) == 1
        await finish(api, job)
        first, second = await until(one, "event: end"), await until(other, "event: end")
        assert sorted(map(str, stored(first))) == sorted(map(str, stored(second)))
        assert "completed" in {frame["data"].get("state") for frame in first if frame["event"] == "state"}
    assert not [task for task in asyncio.all_tasks() if task.get_name() == f"watch {job}"]


async def test_a_silent_stream_shows_that_it_lives_and_ends_in_time(api: Api, job: str) -> None:
    async with listener(api, job, heartbeat=0.05, whole=1.5) as frames:
        text = b"".join([frame async for frame in frames]).decode()
    assert text.count(": still here") > 3
    assert "event: end" not in text


async def test_a_stopping_process_ends_its_streams_and_takes_no_more(
    api: Api, client: httpx.AsyncClient, job: str
) -> None:
    async with listener(api, job) as frames:
        await until(frames, "published")
        api.app.state.drain()
        assert "event: end" not in b"".join([frame async for frame in frames]).decode()
    problem(await client.get(f"/v1/jobs/{job}/events/stream"), 503, "unavailable")


async def test_a_tenant_has_only_so_many_streams_and_others_have_theirs(tmp_path: Path) -> None:
    async with started(tmp_path / "home", streams=1) as api, await api.client() as client:
        job = await ordered(api)
        async with listener(api, job) as frames:
            await until(frames, "published")
            refused = await client.get(f"/v1/jobs/{job}/events/stream")
            problem(refused, 429, "too_many_streams")
            assert int(refused.headers["retry-after"]) > 0
            async with api.runtime.live.listening(api.services, "acme", job):
                pass
        await finish(api, job)
        assert (await heard(client, job))[-1]["event"] == "end"


async def test_the_order_that_is_stored_is_no_event_of_the_job(api: Api, client: httpx.AsyncClient, job: str) -> None:
    await finish(api, job)
    before = (await client.get(f"/v1/jobs/{job}/events")).json()["total"]
    await heard(client, job)
    assert (await client.get(f"/v1/jobs/{job}/events")).json()["total"] == before
    orders = Place(TENANT, Collection.REPORTS)
    assert [s.id async for s in api.services.store.scan(orders, {"kind": "event_order"})] == [f"events-{job}-0"]
