"""What `make deploy` leaves on a real Prefect server, and what becomes of runs whose worker is gone."""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelling, Pending, Running, State
from pydantic import HttpUrl

from synthmill.catalog.uploads import Upload, store_upload
from synthmill.embedded import open_embedded
from synthmill.runs.telling import CONTINUED
from synthmill.settings import PrefectSettings, Settings
from synthmill_flows.pool.apply import apply
from synthmill_flows.pool.handover import continue_dead, hand_over, runs_of
from synthmill_flows.pool.templates import POOL
from tests.support.wait import until_async

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("prefect_server")]
OURS, DEAD_PID = "worker-here", str(2**22 + 1)
ON_UPLOAD = "synthmill-refresh-on-upload"


async def deployed() -> dict[str, object]:
    """What `prefect.yaml` has put on the server, by name and id; other tests put theirs beside it."""
    async with get_client() as client:
        deployments = [found for found in await client.read_deployments() if found.name in {"default", "scheduled"}]
        automations = (await client.read_automations_by_name(name) for name in ("synthmill-crash-zombies",))
        return {
            "pool": [(pool.id, pool.type) for pool in await client.read_work_pools() if pool.name == POOL],
            "deployments": {deployment.name + str(deployment.flow_id): deployment.id for deployment in deployments},
            "automations": [[found.id for found in each] async for each in automations],
        }


@pytest.mark.timeout(300)
async def test_deploying_twice_is_once_and_what_was_switched_on_stays_on(tmp_path: Path) -> None:
    await apply(Settings(), tmp_path)
    first = await deployed()
    assert len(first["deployments"]) == 7  # type: ignore[arg-type]
    async with get_client() as client:
        scheduled = await client.read_deployment_by_name("refresh-dataset/scheduled")
        nightly = next(schedule for schedule in scheduled.schedules if schedule.slug == "nightly")
        await client.update_deployment_schedule(scheduled.id, nightly.id, active=True)

        await enable_upload_trigger(client, enabled=True)

        await apply(Settings(), tmp_path / "elsewhere")
        assert await deployed() == first
        (trigger,) = await client.read_automations_by_name(ON_UPLOAD)
        assert trigger.enabled
        await enable_upload_trigger(client, enabled=False)
        again = await client.read_deployment_by_name("refresh-dataset/scheduled")
        assert {schedule.slug: schedule.active for schedule in again.schedules} == {"nightly": True, "hourly": False}
        pool = await client.read_work_pool(POOL)
        assert pool.base_job_template["variables"]["properties"]["working_dir"]["default"] == str(tmp_path)
        assert pool.concurrency_limit is None
        await client.update_deployment_schedule(scheduled.id, nightly.id, active=False)


async def enable_upload_trigger(client: PrefectClient, *, enabled: bool) -> None:
    """As an operator's switch does; there is one automation of its name."""
    (found,) = await client.read_automations_by_name(ON_UPLOAD)
    await (client.resume_automation(found.id) if enabled else client.pause_automation(found.id))


async def deploy_once(folder: Path) -> None:
    """Deploys unless another test did: it takes seconds."""
    async with get_client() as client:
        if not await client.read_deployments():
            await apply(Settings(), folder)


async def run_in(client: PrefectClient, state: State[None], pid: str, worker: str = OURS) -> FlowRun:
    """A run of generate-dataset as a worker's process left it."""
    deployment = await client.read_deployment_by_name("generate-dataset/default")
    made = await client.create_flow_run_from_deployment(deployment.id, parameters={"order": {"recipe": "r"}})
    await client.update_flow_run_labels(made.id, {"prefect.worker.name": worker})
    await client.update_flow_run(made.id, infrastructure_pid=pid)
    await client.set_flow_run_state(made.id, state, force=True)
    return await client.read_flow_run(made.id)


async def test_runs_of_a_dead_worker_go_on_as_the_same_runs_and_nobody_elses_are_touched(tmp_path: Path) -> None:
    await deploy_once(tmp_path)
    async with get_client() as client:
        running = await run_in(client, Running(), DEAD_PID)
        cancelling = await run_in(client, Cancelling(), DEAD_PID)
        anothers = await run_in(client, Running(), DEAD_PID, "worker-there")
        just_taken = await run_in(client, Pending(), DEAD_PID, "worker-there")
        assert {run.id for run in await runs_of(client, OURS)} == {running.id, cancelling.id}

        await continue_dead(client, OURS)
        states = {run.id: (await client.read_flow_run(run.id)).state for run in (running, cancelling, anothers)}
        assert states[running.id].name == "AwaitingRetry"  # type: ignore[union-attr]
        assert str(states[running.id].message).startswith(CONTINUED)  # type: ignore[union-attr]
        assert states[cancelling.id].type is StateType.CANCELLED  # type: ignore[union-attr]
        assert states[anothers.id].type is StateType.RUNNING  # type: ignore[union-attr]
        for run in (running, anothers, just_taken):
            await client.delete_flow_run(run.id)


async def test_a_run_that_has_ended_meanwhile_is_not_handed_over(tmp_path: Path) -> None:
    await deploy_once(tmp_path)
    async with get_client() as client:
        run = await run_in(client, Running(), str(os.getpid()))
        await client.set_flow_run_state(run.id, State(type=StateType.COMPLETED, name="Completed"), force=True)
        await hand_over(client, run, "its worker was stopped")
        assert (await client.read_flow_run(run.id)).state_type is StateType.COMPLETED


async def begun(client: PrefectClient, deployment: str) -> FlowRun:
    """The one run of a deployment, once there is one."""
    id_ = (await client.read_deployment_by_name(deployment)).id
    where = DeploymentFilter(id=DeploymentFilterId(any_=[id_]))

    async def found() -> list[FlowRun] | None:
        return await client.read_flow_runs(deployment_filter=where) or None

    (run,) = await until_async(found, f"a run of {deployment}")
    return run


async def test_a_program_that_says_a_source_has_changed_starts_a_refresh(prefect_server: str, tmp_path: Path) -> None:
    await deploy_once(tmp_path)
    event = {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": "synthmill.source.changed",
        "resource": {"prefect.resource.id": "synthmill.source.products"},
        "payload": {"recipe": "products", "place": "prefix", "location": "incoming/"},
    }
    async with httpx.AsyncClient(base_url=prefect_server) as anybody, get_client() as client:
        (await anybody.post("/events", json=[event])).raise_for_status()
        run = await begun(client, "refresh-dataset/default")
        assert run.parameters == {"order": {"recipe": "products", "place": "prefix", "location": "incoming/"}}
        await client.delete_flow_run(run.id)


async def test_a_new_upload_under_a_name_starts_a_refresh_where_that_is_switched_on(
    prefect_server: str, tmp_path: Path
) -> None:
    await deploy_once(tmp_path)
    settings = Settings(home=tmp_path / "home", prefect=PrefectSettings(url=HttpUrl(prefect_server)))
    async with open_embedded(settings) as services, get_client() as client:

        async def upload(name: str, data: bytes) -> None:
            async def chunks() -> AsyncIterator[bytes]:
                yield data

            await store_upload(services, "default", Upload(name, chunks()))

        await upload("products.csv", b"sku,title\na,early\n")  # nobody has switched it on
        await enable_upload_trigger(client, enabled=True)
        await upload("others.csv", b"sku,title\na,other\n")
        await upload("products.csv", b"sku,title\na,lamp\n")
        await upload("products.csv", b"sku,title\na,lamp\n")  # nothing new
        run = await begun(client, "refresh-dataset/scheduled")
        await enable_upload_trigger(client, enabled=False)
        assert run.parameters["order"] == {"recipe": "products", "place": "upload", "location": "products.csv"}
        await client.delete_flow_run(run.id)
