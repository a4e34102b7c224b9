"""Runs that are retried, continued, cancelled or stalled, over a real Prefect server; the test plays the services."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.flow_engine import run_flow
from prefect.states import Cancelling, Scheduled

from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.jobs.cancel import cancel
from synthmill.jobs.documents import change_job, find_job, get_job
from synthmill.jobs.order import JobOrder
from synthmill.jobs.pause import pause
from synthmill.jobs.submit import stage
from synthmill.ports.records import Collection, Place, Query
from synthmill.runs.telling import CONTINUED
from synthmill.settings import Settings
from synthmill_flows.generate import generate_dataset
from synthmill_flows.hooks import note_crash, pass_on_cancel
from synthmill_flows.parameters import GenerateParameters
from synthmill_schemas.job import JobDocument, JobState
from synthmill_schemas.slot import SlotDocument
from tests.support.jobs import TENANT, accepted, recipe, store_slots
from tests.support.player import Player, playing
from tests.support.wait import until_async

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("prefect_server")]

JOB = "job-1"


@pytest.fixture
async def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EmbeddedServices]:
    monkeypatch.setenv("SYNTHMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SYNTHMILL_JOB__STALL_SECONDS", "0.3")
    async with open_embedded(Settings()) as opened:
        await stage(opened, JobOrder(TENANT, JOB, recipe()))
        yield opened


async def job(services: EmbeddedServices) -> JobDocument:
    return (await get_job(services.store, TENANT, JOB)).document


async def begun() -> FlowRun:
    """A run of the job that nobody executes yet."""
    async with get_client() as client:
        return await client.create_flow_run(generate_dataset, parameters={"order": {"job_id": JOB}}, state=Scheduled())


async def execute(run: FlowRun, **order: Any) -> State[Any]:  # noqa: ANN401  any parameter of the flow
    """What a worker's process does with it."""
    async with get_client() as client:
        run = await client.read_flow_run(run.id)
    wanted = {"order": GenerateParameters(job_id=JOB, **order)}
    state: State[Any] = await run_flow(generate_dataset, flow_run=run, parameters=wanted, return_type="state")  # type: ignore[misc]
    return state


async def scheduled_again(run: FlowRun, message: str) -> None:
    async with get_client() as client:
        await client.set_flow_run_state(run.id, Scheduled(name="AwaitingRetry", message=message), force=True)


async def shown(run_id: UUID) -> dict[str, Any]:
    wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
    async with get_client() as client:
        return {found.key or "": found for found in await client.read_artifacts(artifact_filter=wanted)}


async def told(services: EmbeddedServices, name: str) -> list[str]:
    place = Place(TENANT, Collection.EVENTS)
    await services.store.visible(place)
    page = await services.store.search(place, Query({"name": name, "job_id": JOB}, sort="at"))
    return [str(hit.document["message"]) for hit in page.hits]


BLOCKED = {"state": JobState.BLOCKED, "reason": "the provider refuses the key"}


def half_then_all(document: JobDocument) -> list[SlotDocument]:
    return [accepted(JOB, slot, round=document.round) for slot in range(2 if document.round == 1 else 4)]


async def test_a_persons_retry_raises_the_round_and_makes_what_is_missing(services: EmbeddedServices) -> None:
    run = await begun()
    player = Player(services, half_then_all, BLOCKED)
    async with playing(player):
        assert (await execute(run)).name == "Blocked"
        player.ended = None
        await change_job(services.store, TENANT, JOB, lambda _: {"continuations": 3})
        await scheduled_again(run, "Retry from the UI")
        state = await execute(run)
    assert (state.type, state.message) == (StateType.COMPLETED, "4 of 4 records accepted")
    after = await job(services)
    assert (after.round, after.continuations, player.messages) == (2, 0, [JOB, f"{JOB}-2"])


async def test_a_run_that_goes_on_by_itself_leaves_a_stopped_job_as_it_is(services: EmbeddedServices) -> None:
    run = await begun()
    async with playing(Player(services, half_then_all, BLOCKED)) as player:
        await execute(run)
        await scheduled_again(run, f"{CONTINUED} after its process died, 1 of 3 times")
        assert (await execute(run)).name == "Blocked"
    assert ((await job(services)).round, player.messages) == (1, [JOB])


async def test_a_job_cancelled_elsewhere_is_a_cancelled_run_with_exact_numbers(services: EmbeddedServices) -> None:
    run = await begun()
    player = Player(services, half_then_all)
    async with playing(player):
        executing = asyncio.create_task(execute(run))
        await until_async(lambda: _accepted(services, 2), "two records")
        await cancel(services, TENANT, JOB, service="api", reason="enough")
        state = await executing
    assert state.type is StateType.CANCELLED
    assert state.message == "cancelled: enough (2 of 4 records accepted, 0 exhausted, 0 parked, 2 pending)"
    counts = {row["what"]: row["count"] for row in json.loads((await shown(run.id))["funnel-colours"].data)}
    assert (counts["requested"], counts["accepted"], counts["pending"]) == (4, 2, 2)


async def _accepted(services: EmbeddedServices, count: int) -> bool | None:
    place = Place(TENANT, Collection.SLOTS, "colours")
    await services.store.visible(place)
    return await services.store.count(place, {"state": "accepted"}) == count or None


async def test_a_paused_job_ends_a_run_that_nothing_could_start_again(services: EmbeddedServices) -> None:
    run = await begun()
    async with playing(Player(services, half_then_all)):
        executing = asyncio.create_task(execute(run))
        await until_async(lambda: _accepted(services, 2), "two records")
        await pause(services, TENANT, JOB, service="cli", reason="paused by synthmill pause; resume it to go on")
        state = await executing
    assert (state.type, state.name) == (StateType.FAILED, "JobPaused")
    assert (state.message or "").startswith("paused: paused by synthmill pause; resume it to go on (2 of 4")


async def test_the_hook_of_a_cancelled_run_cancels_its_job_and_leaves_the_numbers(services: EmbeddedServices) -> None:
    run = await begun()
    planned = {"state": JobState.PLANNED, "records": 4, "flow_run_id": str(run.id)}
    await services.store.ensure_dataset(TENANT, "colours", recipe().record_schema)
    await change_job(services.store, TENANT, JOB, lambda _: planned)
    await store_slots(services, accepted(JOB, 0))
    await pass_on_cancel(flow=generate_dataset, flow_run=run, state=Cancelling())
    assert (await job(services)).state is JobState.CANCELLED
    counts = {row["what"]: row["count"] for row in json.loads((await shown(run.id))["funnel-colours"].data)}
    assert (counts["accepted"], counts["pending"]) == (1, 3)


async def test_the_hook_of_a_run_that_only_looked_on_cancels_nothing(services: EmbeddedServices) -> None:
    run = await begun()
    await change_job(services.store, TENANT, JOB, lambda _: {"state": JobState.PUBLISHED, "flow_run_id": "another"})
    await pass_on_cancel(flow=generate_dataset, flow_run=run, state=Cancelling())
    assert (await job(services)).state is JobState.PUBLISHED


async def test_the_hook_of_a_crashed_run_says_so_in_the_jobs_events(services: EmbeddedServices) -> None:
    run = await begun()
    await note_crash(flow=generate_dataset, flow_run=run, state=State(type=StateType.CRASHED, message="SIGKILL"))
    assert await told(services, "job.run_crashed") == [f"job {JOB}: run {run.id} crashed: SIGKILL"]


async def test_a_stall_tells_what_is_stuck_and_the_run_waits_on(services: EmbeddedServices) -> None:
    run = await begun()
    executing = asyncio.create_task(execute(run))
    (stalled,) = (await until_async(lambda: _some(services, "job.stalled"), "a stall"))[:1]
    assert "0 slots are open; queue jobs holds 1 messages" in stalled
    assert stalled.endswith("nobody listens at queue jobs: start a worker")

    async def on_the_progress() -> bool | None:
        found = (await shown(run.id)).get(f"job-{JOB}")
        return (found is not None and "start a worker" in (found.description or "")) or None

    await until_async(on_the_progress, "the progress to say what is stuck")
    async with playing(Player(services)):
        assert (await executing).is_completed()
    assert (await shown(run.id))[f"job-{JOB}"].description == "4/4 records, 0 rejected"


async def _some(services: EmbeddedServices, name: str) -> list[str] | None:
    return await told(services, name) or None


async def test_a_finished_run_leaves_a_picture_that_a_browser_can_show(services: EmbeddedServices) -> None:
    run = await begun()
    async with playing(Player(services)):
        await execute(run)
    assert (await shown(run.id))["throughput-colours"].data.startswith("data:image/svg+xml;base64,")
    assert (await find_job(services.store, TENANT, JOB)) is not None
