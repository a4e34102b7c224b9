"""Dead letters over HTTP and from the command line: looked at, replayed in a round of their own, dropped."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from synthmill.cli import main
from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.jobs.reconcile import reconcile
from synthmill.ports.broker import Message, Queue, Settlement
from synthmill.settings import Settings
from tests.support.api import Api, problem
from tests.support.jobs import accepted, recipe, store_slots
from tests.support.messages import take
from tests.support.uploads import TENANT, requests, worked

REASON = "its handling began 3 times and never ended"
PARKED_SLOT = 2


async def bury(services: EmbeddedServices, job_id: str) -> None:
    """The consumer fills all slots but one, whose request it gives up; the worker takes it from there."""
    async with services.broker.consume(Queue.GENERATION, prefetch=4) as consumption:
        for delivery in await take(consumption, 4):
            (slot,) = json.loads(delivery.message.body)["slots"]
            if slot["slot"] == PARKED_SLOT:
                evidence = {"reason": REASON, "class": "provider"}
                await consumption.started(delivery)
                await consumption.settle(delivery, Settlement.DEAD_LETTER, evidence=evidence)
            else:
                await store_slots(services, accepted(job_id, slot["slot"]))
                await consumption.settle(delivery, Settlement.ACK)
    await worked(services)
    await reconcile(services)


@pytest.fixture
async def job(api: Api, client: httpx.AsyncClient) -> str:
    """A job of four records, one of which is parked."""
    body = {"recipe": recipe(batch=1).recipe.model_dump(mode="json")}
    job_id: str = (await client.post("/v1/jobs", json=body)).json()["id"]
    await worked(api.services)
    await bury(api.services, job_id)
    return job_id


async def only(client: httpx.AsyncClient, **which: str) -> dict[str, Any]:
    (letter,) = (await client.get("/v1/dead-letters", params=which)).json()["items"]
    return dict(letter)


async def status(client: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    return dict((await client.get(f"/v1/jobs/{job_id}")).json())


async def test_a_letter_is_found_by_what_is_known_of_it_and_shown_whole(client: httpx.AsyncClient, job: str) -> None:
    letter = await only(client, job_id=job, queue="generation", reject_class="provider", state="parked")
    assert (letter["reason"], letter["starts"]) == (REASON, 1)
    whole = (await client.get(f"/v1/dead-letters/{letter['id']}")).json()
    assert whole["evidence"]["reason"] == REASON
    assert json.loads(whole["body"])["slots"][0]["slot"] == PARKED_SLOT
    for other in ({"queue": "jobs"}, {"state": "dropped"}, {"job_id": "another"}, {"reject_class": "leak"}):
        assert (await client.get("/v1/dead-letters", params=other)).json()["items"] == []
    problem(await client.get("/v1/dead-letters/dead-jobs-nothing"), 404, "not_found")


async def test_a_replay_opens_just_the_parked_slot_and_the_job_ends_whole(
    api: Api, client: httpx.AsyncClient, job: str
) -> None:
    assert (await status(client, job))["state"] == "completed_with_parked"
    letter = await only(client)
    assert (await client.post(f"/v1/dead-letters/{letter['id']}/replay")).json()["outcome"] == "reopened"
    await worked(api.services)
    before = await status(client, job)
    assert (before["accepted"], before["parked"], before["pending"] + before["exhausted"]) == (3, 0, 1)
    (body,) = await requests(api.services)
    request = json.loads(body)
    assert [slot["slot"] for slot in request["slots"]] == [PARKED_SLOT]
    assert request["round"] == before["round"] > 1
    await store_slots(api.services, accepted(job, PARKED_SLOT, round=request["round"]))
    after = await status(client, job)
    assert (after["accepted"], after["parked"], after["pending"], after["exhausted"]) == (4, 0, 0, 0)

    again = (await client.post(f"/v1/dead-letters/{letter['id']}/replay")).json()
    assert again["outcome"] == "already"
    assert "replayed by key" in again["reason"]
    assert await requests(api.services) == [body], "only the one from before, which nobody settled"
    known = await only(client, state="replayed")
    assert (known["replays"], known["decided_by"].split()[0]) == (1, "key")


async def test_a_request_that_dies_again_is_a_letter_again(api: Api, client: httpx.AsyncClient, job: str) -> None:
    letter = await only(client)
    for replays in (1, 2):
        await client.post(f"/v1/dead-letters/{letter['id']}/replay")
        await worked(api.services)
        async with api.services.broker.consume(Queue.GENERATION, prefetch=1) as consumption:
            (delivery,) = await take(consumption, 1)
            await consumption.settle(delivery, Settlement.DEAD_LETTER, evidence={"reason": f"again {replays}"})
        await worked(api.services)
        assert (await status(client, job))["parked"] == 1
        parked = (await client.get("/v1/dead-letters", params={"state": "parked"})).json()["items"]
        assert [one["reason"] for one in parked] == [f"again {replays}"]
        letter = parked[0]


async def test_what_is_no_message_is_published_as_it_was(api: Api, client: httpx.AsyncClient) -> None:
    await api.services.broker.publish(Queue.JOBS, [Message("stray", b"{ not JSON", {"x-mine": "kept"})])
    await worked(api.services)
    letter = await only(client, queue="jobs")
    assert (await client.post(f"/v1/dead-letters/{letter['id']}/replay")).json()["outcome"] == "published"
    async with api.services.broker.consume(Queue.JOBS, prefetch=1) as consumption:
        (delivery,) = await take(consumption, 1)
        assert (delivery.message.message_id, delivery.message.body) == ("stray", b"{ not JSON")
        assert delivery.message.headers["x-mine"] == "kept"
        assert not [name for name in delivery.message.headers if "evidence" in name]
        await consumption.settle(delivery, Settlement.RELEASE)
    await worked(api.services)  # it dies of the same fault: the same letter, to be decided about anew
    assert (await only(client, queue="jobs"))["state"] == "parked"


async def test_a_dropped_letter_stays_to_be_read_and_its_slot_stays_parked(client: httpx.AsyncClient, job: str) -> None:
    letter = await only(client)
    assert (await client.delete(f"/v1/dead-letters/{letter['id']}")).json()["outcome"] == "dropped"
    assert (await client.delete(f"/v1/dead-letters/{letter['id']}")).json()["outcome"] == "already"
    assert (await only(client))["state"] == "dropped"
    assert (await status(client, job))["parked"] == 1


async def test_a_letter_of_a_cancelled_job_is_not_replayed(client: httpx.AsyncClient, api: Api) -> None:
    body = {"recipe": recipe(batch=1).recipe.model_dump(mode="json")}
    job_id: str = (await client.post("/v1/jobs", json=body)).json()["id"]
    await worked(api.services)
    await client.post(f"/v1/jobs/{job_id}/cancel")
    await bury(api.services, job_id)
    refused = await client.post(f"/v1/dead-letters/{(await only(client))['id']}/replay")
    assert "resume" in problem(refused, 409, "job_state")["detail"]


async def test_another_tenants_letters_are_not_there(api: Api, client: httpx.AsyncClient, job: str) -> None:
    letter = await only(client)
    async with await api.client("other") as stranger:
        assert (await stranger.get("/v1/dead-letters")).json()["items"] == []
        problem(await stranger.get(f"/v1/dead-letters/{letter['id']}"), 404, "not_found")
        problem(await stranger.post(f"/v1/dead-letters/{letter['id']}/replay"), 404, "not_found")
        problem(await stranger.delete(f"/v1/dead-letters/{letter['id']}"), 404, "not_found")


def test_the_command_lists_shows_replays_and_drops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SYNTHMILL_HOME", str(tmp_path / "home"))

    async def strays(*names: str) -> None:
        async with open_embedded(Settings()) as services:
            await services.broker.publish(Queue.JOBS, [Message(name, b'{"version": 9}') for name in names])
            await worked(services)

    asyncio.run(strays("one", "two"))
    assert main(["dead-letters", "list", "--queue", "jobs"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed[0].split() == ["id", "at", "queue", "class", "job", "starts", "state", "reason"]
    rows = [line.split() for line in listed if line.startswith("dead-jobs-")]
    assert [(row[0], row[3]) for row in rows] == [("dead-jobs-one", "jobs"), ("dead-jobs-two", "jobs")]
    assert main(["dead-letters", "show", "dead-jobs-one"]) == 0
    assert '"version": 9' in capsys.readouterr().out
    assert main(["dead-letters", "drop", "dead-jobs-one"]) == 0
    assert main(["dead-letters", "replay", "--all", "--json"]) == 0
    out = capsys.readouterr().out
    decided = json.loads(out[out.index("{") :])["decided"]
    assert [(one["id"], one["outcome"]) for one in decided] == [("dead-jobs-two", "published")]
    assert main(["dead-letters", "list", "--state", "dropped", "--json"]) == 0
    (dropped,) = json.loads(capsys.readouterr().out)["dead_letters"]
    assert (dropped["report_id"], dropped["tenant"]) == ("dead-jobs-one", TENANT)
    assert main(["dead-letters", "show", "dead-jobs-three"]) == 2
    assert main(["dead-letters", "drop"]) == 2
