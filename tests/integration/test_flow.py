"""The flow over the embedded services and a real Prefect server; the test plays worker and consumer."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import Artifact, State

from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.jobs.documents import get_job
from synthmill.jobs.order import JobOrder
from synthmill.jobs.submit import stage
from synthmill.ports.records import Collection, Place, Query
from synthmill.settings import Settings
from synthmill_flows.generate import generate_dataset
from synthmill_flows.parameters import GenerateParameters
from synthmill_schemas.job import JobDocument, JobState
from synthmill_schemas.slot import SlotDocument
from tests.support.jobs import TENANT, accepted, exhausted, parked, recipe
from tests.support.player import Player, playing

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("prefect_server")]

JOB = "job-1"


@pytest.fixture
async def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EmbeddedServices]:
    monkeypatch.setenv("SYNTHMILL_HOME", str(tmp_path / "home"))
    async with open_embedded(Settings()) as opened:
        yield opened


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


async def run(out: Path, **parameters: Any) -> State[Any]:  # noqa: ANN401  any parameter of the flow
    return await generate_dataset(GenerateParameters(out=str(out), **parameters), return_state=True)


async def staged(services: EmbeddedServices, job_id: str = JOB) -> None:
    await stage(services, JobOrder(TENANT, job_id, recipe()))


async def job(services: EmbeddedServices, job_id: str = JOB) -> JobDocument:
    return (await get_job(services.store, TENANT, job_id)).document


async def events(services: EmbeddedServices, name: str) -> list[dict[str, Any]]:
    place = Place(TENANT, Collection.EVENTS)
    await services.store.visible(place)
    page = await services.store.search(place, Query({"name": name}, sort="at"))
    return [hit.document for hit in page.hits]


async def artifacts(flow_run_id: str) -> dict[str, Artifact]:
    wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[UUID(flow_run_id)]))
    async with get_client() as client:
        found = await client.read_artifacts(artifact_filter=wanted)
    return {artifact.key or "": artifact for artifact in found if artifact.key}


async def task_names(flow_run_id: str) -> list[str]:
    wanted = FlowRunFilter(id=FlowRunFilterId(any_=[UUID(flow_run_id)]))
    async with get_client() as client:
        return [task.name for task in await client.read_task_runs(flow_run_filter=wanted)]


async def test_a_run_goes_from_a_recipe_to_checked_files(services: EmbeddedServices, out: Path, tmp_path: Path) -> None:
    recipe_file, upload = tmp_path / "recipe.json", tmp_path / "rows.csv"
    recipe_file.write_text(recipe().recipe.model_dump_json(by_alias=True, exclude_none=True))
    upload.write_text("a\n1\n")
    async with playing(Player(services)) as player:
        state = await run(out, recipe=str(recipe_file), inputs=[str(upload)], records=6)
    assert state.is_completed()
    assert state.message == "6 of 6 records accepted"
    flow_run_id = str(state.state_details.flow_run_id)
    document = await job(services, flow_run_id)  # a run without job_id gives the job its own id
    assert (document.state, document.flow_run_id, document.flow) == (JobState.COMPLETED, flow_run_id, None)
    assert player.messages == [flow_run_id]
    lines = [json.loads(line) for line in (out / "colours.jsonl").read_text().splitlines()]
    assert [line["_record_id"] for line in lines] == [f"{flow_run_id}-{slot}" for slot in range(6)]
    assert document.temporary_files == "deleted"
    assert [found.key async for found in services.objects.list(f"tmp/{flow_run_id}")] == []
    shown = await artifacts(flow_run_id)
    assert shown[f"job-{flow_run_id}"].data == 100.0
    funnel = shown["funnel-colours"].data
    assert isinstance(funnel, str)
    assert {row["what"]: row["count"] for row in json.loads(funnel)}["accepted"] == 6
    assert "colours.parquet" in str(shown["report-colours"].data)
    told = (await events(services, "progress"))[-1]["fields"]
    assert (told["requested"], told["accepted"], told["pending"]) == (6, 6, 0)


async def test_a_job_that_exists_needs_no_recipe_and_few_tasks(services: EmbeddedServices, out: Path) -> None:
    await staged(services)
    async with playing(Player(services)):
        state = await run(out, job_id=JOB)
    assert state.is_completed()
    names = await task_names(str(state.state_details.flow_run_id))
    assert len(names) <= 10


async def test_open_slots_get_another_round(services: EmbeddedServices, out: Path) -> None:
    def second_try(document: JobDocument) -> list[SlotDocument]:
        failed = [exhausted(JOB, 3)] if document.round == 1 else [accepted(JOB, 3)]
        return [accepted(JOB, slot) for slot in range(3)] + failed

    await staged(services)
    async with playing(Player(services, second_try)) as player:
        state = await run(out, job_id=JOB)
    assert state.is_completed()
    assert player.messages == [JOB, f"{JOB}-2"]


async def test_a_blocked_job_is_a_failed_run_with_its_reason(services: EmbeddedServices, out: Path) -> None:
    await staged(services)
    ended = {"state": JobState.BLOCKED, "reason": "the provider refuses the key"}
    async with playing(Player(services, lambda _: [accepted(JOB, 0)], ended)):
        state = await run(out, job_id=JOB)
    assert state.is_failed()
    assert state.name == "Blocked"
    assert (state.message or "").startswith("blocked: the provider refuses the key (1 of 4 records accepted")
    assert not out.exists()


async def test_a_job_with_parked_slots_is_a_failed_run_but_has_its_files(services: EmbeddedServices, out: Path) -> None:
    await staged(services)
    slots = [*(accepted(JOB, slot) for slot in range(3)), parked(JOB, 3)]
    async with playing(Player(services, lambda _: slots)):
        state = await run(out, job_id=JOB)
    assert state.is_failed()
    assert state.message is not None
    assert state.message.startswith("completed_with_parked: 1 slots are parked")
    assert len((out / "colours.jsonl").read_text().splitlines()) == 3


async def test_two_runs_of_a_job_at_once_repeat_nothing(services: EmbeddedServices, out: Path) -> None:
    await staged(services)
    async with playing(Player(services)) as player:
        states = await asyncio.gather(run(out, job_id=JOB), run(out, job_id=JOB))
    assert [state.is_completed() for state in states] == [True, True]
    assert player.messages == [JOB]
    assert len(await events(services, "job.completed")) == 1
    assert (await job(services)).flow is None


async def test_a_run_of_a_finished_job_finds_all_done(services: EmbeddedServices, out: Path) -> None:
    await staged(services)
    async with playing(Player(services)) as player:
        await run(out, job_id=JOB)
        before = await job(services)
        files = {file.name: file.stat().st_ino for file in out.iterdir()}
        assert (await run(out, job_id=JOB)).is_completed()
    assert player.messages == [JOB]
    assert {file.name: file.stat().st_ino for file in out.iterdir()} == files
    assert (await job(services)).updated_at == before.updated_at


async def test_a_job_that_is_not_there_needs_a_recipe(services: EmbeddedServices, out: Path) -> None:
    state = await run(out, job_id="nowhere")
    assert state.is_failed()
    assert "no recipe to make it from" in (state.message or "")
