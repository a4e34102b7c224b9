"""Runs of a deployment that are suspended and resumed while their process still ends, over a real Prefect server."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow
from prefect.flows import Flow
from prefect.states import Pending, Running, Scheduled

from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.jobs.documents import get_job
from synthmill.jobs.order import JobOrder
from synthmill.jobs.rounds import resume
from synthmill.jobs.status import job_status
from synthmill.jobs.submit import stage
from synthmill.settings import Settings
from synthmill_flows import bringing
from synthmill_flows.generate import generate_dataset
from synthmill_flows.leaving import Carrier, carrier_of, let_resume
from synthmill_schemas.job import JobDocument, JobState
from tests.support.jobs import TENANT, recipe
from tests.support.player import Player, playing

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("prefect_server")]

JOB = "job-1"
BARE: State[None] = State(type=StateType.PAUSED, name="Suspended")
"""As a script suspends a run; the UI says `pause_reschedule` as well."""


@pytest.fixture
async def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EmbeddedServices]:
    monkeypatch.setenv("SYNTHMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("synthmill_flows.wishes.LOOK_SECONDS", 0.0)
    async with open_embedded(Settings()) as opened:
        await stage(opened, JobOrder(TENANT, JOB, recipe()))
        yield opened


async def job(services: EmbeddedServices) -> JobDocument:
    return (await get_job(services.store, TENANT, JOB)).document


async def ordered(client: PrefectClient, wanted: Flow[..., Any], order: dict[str, str] | None = None) -> FlowRun:
    """A run of a deployment, as a worker has taken it."""
    deployment = await client.create_deployment(await client.create_flow(wanted), "resumed", entrypoint="nowhere.py:x")
    parameters = {} if order is None else {"order": order}
    run = await client.create_flow_run_from_deployment(deployment, parameters=parameters)
    return await taken(client, run.id)


async def taken(client: PrefectClient, run_id: UUID) -> FlowRun:
    await client.set_flow_run_state(run_id, Pending(), force=True)
    return await client.read_flow_run(run_id)


async def execute(run: FlowRun) -> State[Any]:
    state: State[Any] = await run_flow(generate_dataset, flow_run=run, return_type="state")  # type: ignore[misc]
    return state


async def types_of(client: PrefectClient, run: FlowRun) -> set[StateType]:
    return {state.type for state in await client.read_flow_run_states(run.id)}


async def test_a_job_resumed_just_before_its_run_is_suspended_goes_on(
    services: EmbeddedServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    player = Player(services, ended={"state": JobState.PAUSED, "reason": "its budget is used up"})
    report = bringing.publish_report

    async def then_resumed(*told: Any) -> None:  # noqa: ANN401  whatever a report takes
        await report(*told)
        if player.ended is not None:
            player.ended = None
            await resume(services, await job(services), await job_status(services.store, TENANT, JOB), by="api")

    monkeypatch.setattr(bringing, "publish_report", then_resumed)
    async with get_client() as client, playing(player):
        run = await ordered(client, generate_dataset, {"job_id": JOB})
        with pytest.raises(Pause):
            await execute(run)
        state = (await client.read_flow_run(run.id)).state
        assert state is not None
        assert (state.type, state.name) == (StateType.SCHEDULED, "Resuming")
        assert (await execute(await taken(client, run.id))).type is StateType.COMPLETED
        assert not {StateType.CRASHED, StateType.FAILED} & await types_of(client, run)


async def test_a_process_leaves_a_run_that_was_suspended_and_resume_asks_for_another(
    services: EmbeddedServices,
) -> None:
    async with get_client() as client:
        run = await ordered(client, generate_dataset, {"job_id": JOB})

        async def suspended(document: JobDocument) -> None:
            if document.round == 1:
                await client.set_flow_run_state(run.id, BARE)

        async with playing(_Suspending(services, suspended)):
            with pytest.raises(Pause):
                await execute(run)
            assert ((await job(services)).state, (await job(services)).flow) == (JobState.PAUSED, None)
            await client.resume_flow_run(run.id)
            state = (await client.read_flow_run(run.id)).state
            assert state is not None
            assert state.type is StateType.SCHEDULED
            assert (await execute(await taken(client, run.id))).type is StateType.COMPLETED
        assert (await job(services)).round == 2
        assert not {StateType.CRASHED, StateType.FAILED} & await types_of(client, run)


class _Suspending(Player):
    """Plays the services; first something happens to the run."""

    def __init__(self, services: EmbeddedServices, happens: Callable[[JobDocument], Awaitable[None]]) -> None:
        super().__init__(services)
        self._happens = happens

    async def _work(self, job_id: str) -> None:
        document = await job(self.services)
        await self._happens(document)
        if document.round > 1:
            await super()._work(job_id)


Told = list[Carrier | StateType]


async def within_a_run(scene: Callable[[PrefectClient, FlowRun], Awaitable[Told]]) -> Told:
    """What a scene tells that is played inside of a run of a deployment."""
    told: Told = []

    @flow(name="scene")
    async def played() -> None:
        async with get_client() as client:
            told.extend(await scene(client, run))

    async with get_client() as client:
        run = await ordered(client, played)
    with suppress(Pause):
        await run_flow(played, flow_run=run)  # type: ignore[misc]
    return told


async def test_who_carries_a_run_on_is_told_by_its_states() -> None:
    async def scene(client: PrefectClient, run: FlowRun) -> Told:
        told: Told = []
        for state in (Running(), BARE, Scheduled(), Pending(), Running()):
            await client.set_flow_run_state(run.id, state, force=True)
            told.append(await carrier_of((await client.read_flow_run(run.id)).state))
        return [*told, await carrier_of(None)]

    this, nobody, next_ = Carrier.THIS, Carrier.NOBODY, Carrier.NEXT
    assert await within_a_run(scene) == [this, nobody, next_, next_, next_, this]


async def test_a_run_that_was_resumed_in_place_while_its_process_leaves_gets_another() -> None:
    async def scene(client: PrefectClient, run: FlowRun) -> Told:
        await client.set_flow_run_state(run.id, BARE, force=True)
        resumed = await client.resume_flow_run(run.id)
        assert resumed.state is not None
        await let_resume(str(run.id))
        return [resumed.state.type, (await client.read_flow_run(run.id)).state_type or StateType.CRASHED]

    assert await within_a_run(scene) == [StateType.RUNNING, StateType.SCHEDULED]
