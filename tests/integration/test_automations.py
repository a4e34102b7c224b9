"""The shipped automations firing on a real Prefect server, the API behind their webhook; nobody reconciles here."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prefect.client.orchestration import get_client
from pydantic import HttpUrl

from synthmill.embedded import open_embedded
from synthmill.jobs.documents import get_job
from synthmill.jobs.order import JobOrder, new_job_id
from synthmill.jobs.stall import Stall
from synthmill.jobs.submit import submit
from synthmill.ports.broker import Queue, QueueDepth
from synthmill.runs.prefect import FLOW
from synthmill.runs.telling import CONTINUED, tell_soon
from synthmill.services import Services
from synthmill.settings import PrefectSettings, Settings
from synthmill_flows.announcing import announce_stall, subject_of
from synthmill_flows.events import DatasetEvent, tell_dataset
from synthmill_flows.identity import Run
from synthmill_flows.pool import automations
from synthmill_flows.pool.apply import webhooks
from synthmill_flows.pool.files import automations_file
from synthmill_schemas.base import now
from synthmill_schemas.job import JobDocument, JobState
from tests.support.api_process import start_api
from tests.support.jobs import TENANT, recipe
from tests.support.recorder import Recorder, start_recorder
from tests.support.wait import until_async

pytestmark = [pytest.mark.integration]

TOKEN = "0123456789abcdef" * 3
SILENT_SECONDS = 10
"""The least that Prefect takes; the shipped one waits 2 minutes, as signs of life come every 30 s."""


@pytest.fixture
def told() -> Iterator[Recorder]:
    """Whom the notifications go to."""
    with start_recorder() as recorder:
        yield recorder


@dataclass(frozen=True, slots=True)
class Place:
    """Services without a worker, and the server that automations are on."""

    services: Services
    prefect: httpx.AsyncClient

    async def job_with_run(self) -> JobDocument:
        """A job whose run nobody begins."""
        job_id = new_job_id()
        await submit(self.services, JobOrder(TENANT, job_id, recipe()))
        await tell_soon(self.services, TENANT, job_id)
        return await self.job(job_id)

    async def job(self, job_id: str) -> JobDocument:
        return (await get_job(self.services.store, TENANT, job_id)).document

    async def state(self, run: str | None) -> dict[str, Any]:
        found: dict[str, Any] = (await self.prefect.get(f"/flow_runs/{run}")).raise_for_status().json()
        return dict(found["state"])

    async def set_state(self, run: str | None, type_: str) -> None:
        body = {"state": {"type": type_}, "force": True}
        (await self.prefect.post(f"/flow_runs/{run}/set_state", json=body)).raise_for_status()

    async def messages(self, run: str | None) -> list[str]:
        states = (await self.prefect.get("/flow_run_states/", params={"flow_run_id": str(run)})).json()
        return [str(state["message"]) for state in states]


@pytest.fixture
async def at(prefect_server: str, tmp_path: Path, told: Recorder) -> AsyncIterator[Place]:
    url = HttpUrl(prefect_server)
    deployment = f"{FLOW}/{tmp_path.name}"
    settings = Settings(home=tmp_path / "home", prefect=PrefectSettings(url=url, deployment=deployment))
    variables = {"SYNTHMILL_PREFECT__URL": prefect_server, "SYNTHMILL_PREFECT__DEPLOYMENT": deployment}
    api = start_api(tmp_path / "home", SYNTHMILL_API__WEBHOOK_TOKEN=TOKEN, **variables)
    async with httpx.AsyncClient(base_url=prefect_server, timeout=30) as client:
        flow = (await client.post("/flows/", json={"name": FLOW})).json()
        body = {"name": tmp_path.name, "flow_id": flow["id"], "entrypoint": "nowhere.py:nothing", "tags": ["synthmill"]}
        (await client.post("/deployments/", json=body)).raise_for_status()
        with api as running:
            names = await automated(running.url, f"{told.base_url}/notify")
            async with open_embedded(settings) as services:
                yield Place(services, client)
        async with get_client() as prefect:
            for name in names:
                for found in await prefect.read_automations_by_name(name):
                    await prefect.delete_automation(found.id)


async def automated(api_url: str, notify_url: str) -> list[str]:
    """Puts the automations onto the server as `make deploy` does, only that silence is shorter; their names."""
    environment = {
        "SYNTHMILL_API_URL": api_url,
        "SYNTHMILL_API__WEBHOOK_TOKEN": TOKEN,
        "SYNTHMILL_NOTIFY_URL": notify_url,
    }
    ids = {name: await webhook.asave(name, overwrite=True) for name, webhook in webhooks(environment).items()}
    names = []
    async with get_client() as client:
        for declared in automations.declared(automations_file()):
            if declared["trigger"]["posture"] == "Proactive":
                declared["trigger"]["within"] = SILENT_SECONDS
            automation = automations.resolved(declared, ids.get)
            assert automation is not None
            await automations.upsert(client, automation)
            names.append(automation.name)
    return names


async def test_a_run_cancelled_in_prefect_cancels_its_job_by_the_webhook_alone(at: Place) -> None:
    document = await at.job_with_run()
    await at.set_state(document.flow_run_id, "CANCELLED")

    async def cancelled() -> bool | None:
        return (await at.job(document.job_id)).state is JobState.CANCELLED or None

    await until_async(cancelled, "the job to be cancelled", seconds=60)
    assert (await at.job(document.job_id)).reason == "its run was cancelled in Prefect"


async def test_a_run_that_fell_silent_is_crashed_and_continued_by_the_webhook_alone(at: Place) -> None:
    document = await at.job_with_run()
    run = document.flow_run_id
    await at.set_state(run, "RUNNING")
    await heartbeat(at, str(run))

    async def continued() -> bool | None:
        return str((await at.state(run)).get("message")).startswith(CONTINUED) or None

    await until_async(continued, "the run to go on", seconds=120)
    assert "The run's process was silent for 2 minutes." in await at.messages(run)
    assert (await at.state(run))["name"] == "AwaitingRetry"
    assert (await at.job(document.job_id)).continuations == 1


async def heartbeat(at: Place, run: str) -> None:
    """A sign of life as Prefect's engine gives it, the last one."""
    event = {
        "id": str(uuid4()),
        "occurred": now().isoformat(),
        "event": "prefect.flow-run.heartbeat",
        "resource": {"prefect.resource.id": f"prefect.flow-run.{run}"},
        "related": [{"prefect.resource.id": "prefect.tag.synthmill", "prefect.resource.role": "tag"}],
    }
    (await at.prefect.post("/events", json=[event])).raise_for_status()


async def test_a_blocked_release_and_a_stall_are_told_to_whoever_is_to_be_notified(at: Place, told: Recorder) -> None:
    run = Run(str(uuid4()), TENANT, "job-1")
    depth = QueueDepth(ready=3, unsettled=0, consumers=0)
    announce_stall(run, "poems", Stall("job-1", "poems", 120.0, Queue.GENERATION, depth, 7, 0, None))
    reason = {"reason": "1 expectation failed: short poems"}
    tell_dataset(DatasetEvent.BLOCKED, subject_of(run, "poems"), None, reason)

    async def both() -> list[str] | None:
        texts = [str(request.body["text"]) for request in told.requests if request.path.endswith("/notify")]
        return sorted(texts) if len(texts) >= 2 else None

    blocked, stalled = await until_async(both, "both notifications", seconds=60)
    assert blocked == "Dataset poems is not released: job job-1 did not pass its gate. " + reason["reason"]
    assert stalled.startswith("Job job-1 of dataset poems does not move. ")
    assert stalled.endswith("nobody listens at queue generation: start a consumer")
