"""Jobs and their flow runs, told over the REST API of a real Prefect server; the test plays Prefect's worker."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import HttpUrl

from synthmill.embedded import open_embedded
from synthmill.jobs.cancel import cancel
from synthmill.jobs.documents import change_job, get_job, jobs_of
from synthmill.jobs.extend import extend
from synthmill.jobs.order import JobOrder, new_job_id
from synthmill.jobs.pause import pause
from synthmill.jobs.reconcile import reconcile
from synthmill.jobs.rounds import resume
from synthmill.jobs.status import job_status
from synthmill.jobs.submit import submit
from synthmill.runs.lost import MOST_CONTINUATIONS
from synthmill.runs.prefect import FLOW, run_link
from synthmill.runs.telling import CONTINUED, tell_soon
from synthmill.services import Services
from synthmill.settings import JobSettings, PrefectSettings, Settings
from synthmill_schemas.base import now
from synthmill_schemas.job import JobDocument, JobState, Lease
from tests.support.jobs import TENANT, recipe
from tests.support.wait import until_async

pytestmark = [pytest.mark.integration]

Happens = Callable[[Services, httpx.AsyncClient, JobDocument], Awaitable[None]]

NOWHERE = HttpUrl("http://127.0.0.1:9/api")


@pytest.fixture
async def prefect(prefect_server: str, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the server, where the flow is deployed for nobody to run, under the test's own name."""
    async with httpx.AsyncClient(base_url=prefect_server, timeout=30) as client:
        flow = (await client.post("/flows/", json={"name": FLOW})).json()
        body = {"name": tmp_path.name, "flow_id": flow["id"], "entrypoint": "nowhere.py:nothing"}
        (await client.post("/deployments/", json=body)).raise_for_status()
        yield client


@pytest.fixture
async def services(prefect: httpx.AsyncClient, tmp_path: Path) -> AsyncIterator[Services]:
    """Services for which every run without a claim is lost at once."""
    settings = Settings(
        home=tmp_path / "home",
        job=JobSettings(flow_lease_seconds=1.001),
        prefect=PrefectSettings(url=HttpUrl(str(prefect.base_url)), deployment=f"{FLOW}/{tmp_path.name}"),
    )
    async with open_embedded(settings) as opened:
        yield opened


def away(services: Services) -> Services:
    """The same with Prefect's server down."""
    prefect = services.settings.prefect.model_copy(update={"url": NOWHERE})
    return replace(services, settings=services.settings.model_copy(update={"prefect": prefect}))


async def ordered(services: Services) -> str:
    job_id = new_job_id()
    await submit(services, JobOrder(TENANT, job_id, recipe()))
    return job_id


async def job(services: Services, job_id: str) -> JobDocument:
    return (await get_job(services.store, TENANT, job_id)).document


async def with_run(services: Services) -> JobDocument:
    """A job with its run, which has not begun."""
    job_id = await ordered(services)
    await tell_soon(services, TENANT, job_id)
    return await job(services, job_id)


async def state_of(prefect: httpx.AsyncClient, document: JobDocument) -> dict[str, Any]:
    state: dict[str, Any] = (await prefect.get(f"/flow_runs/{document.flow_run_id}")).json()["state"]
    return state


async def set_state(prefect: httpx.AsyncClient, document: JobDocument, type_: str) -> None:
    """As a worker or a person would."""
    body = {"state": {"type": type_}, "force": True}
    (await prefect.post(f"/flow_runs/{document.flow_run_id}/set_state", json=body)).raise_for_status()


async def mended(services: Services) -> int:
    """How many runs reconcile mends once they have been lost for long enough."""

    async def some() -> int | None:
        return (await reconcile(services)).runs_mended or None

    return await until_async(some, "a lost run to be mended")


async def test_an_order_gets_one_run_with_the_job_as_its_key(services: Services, prefect: httpx.AsyncClient) -> None:
    document = await with_run(services)
    run = (await prefect.get(f"/flow_runs/{document.flow_run_id}")).json()
    assert run["idempotency_key"] == document.job_id
    assert run["parameters"] == {"order": {"job_id": document.job_id, "tenant": TENANT}}
    unnamed = await get_job(services.store, TENANT, document.job_id)
    await services.store.patch(jobs_of(TENANT), document.job_id, {"flow_run_id": None}, expected=unnamed.version)
    await submit(services, JobOrder(TENANT, document.job_id, recipe()))
    assert (await reconcile(services)).runs_told == 0
    assert run_link(services.settings.prefect, run["id"]) == f"{str(prefect.base_url)[:-5]}/runs/flow-run/{run['id']}"


async def test_nobody_waits_for_a_server_that_is_down(services: Services, prefect: httpx.AsyncClient) -> None:
    job_id = await ordered(away(services))
    await tell_soon(away(services), TENANT, job_id)
    assert (await reconcile(away(services))).runs_told == 0
    document = await job(services, job_id)
    assert (document.state, document.flow_run_id) == (JobState.PUBLISHED, None)
    assert (await reconcile(services)).runs_told == 1
    assert (await state_of(prefect, await job(services, job_id)))["type"] == "SCHEDULED"
    assert (await reconcile(services)).runs_told == 0


async def test_without_a_server_in_the_settings_nothing_is_noted(services: Services) -> None:
    settings = services.settings.model_copy(update={"prefect": PrefectSettings()})
    job_id = await ordered(replace(services, settings=settings))
    assert (await reconcile(services)).runs_told == 0
    assert (await job(services, job_id)).flow_run_id is None


async def test_a_cancelled_job_cancels_its_run(services: Services, prefect: httpx.AsyncClient) -> None:
    document = await with_run(services)
    await cancel(services, TENANT, document.job_id, service="api", reason="enough")
    await tell_soon(services, TENANT, document.job_id)
    assert (await state_of(prefect, document))["type"] == "CANCELLED"


async def test_a_job_extended_after_its_end_gets_a_run_of_its_own(
    services: Services, prefect: httpx.AsyncClient
) -> None:
    document = await with_run(services)
    await set_state(prefect, document, "COMPLETED")
    await change_job(services.store, TENANT, document.job_id, lambda _: {"state": JobState.COMPLETED, "records": 4})
    await extend(away(services), TENANT, document.job_id, 6, by="api")
    assert (await job(services, document.job_id)).flow_run_id is None
    assert (await reconcile(services)).runs_told == 1
    after = await job(services, document.job_id)
    assert after.flow_run_id != document.flow_run_id
    run = (await prefect.get(f"/flow_runs/{after.flow_run_id}")).json()
    assert (run["idempotency_key"], run["state_type"]) == (f"{document.job_id}.1", "SCHEDULED")


@pytest.mark.parametrize("type_", ["CANCELLED", "CANCELLING"])
async def test_a_run_cancelled_while_no_hook_runs_cancels_its_job(
    services: Services, prefect: httpx.AsyncClient, type_: str
) -> None:
    document = await with_run(services)
    await set_state(prefect, document, type_)
    assert (await reconcile(services)).runs_mended == 1
    after = await job(services, document.job_id)
    assert (after.state, after.reason) == (JobState.CANCELLED, "its run was cancelled in Prefect")
    assert (await reconcile(services)).runs_mended == 0


async def test_a_job_resumed_after_its_run_was_cancelled_goes_on_in_the_same_run(
    services: Services, prefect: httpx.AsyncClient
) -> None:
    document = await with_run(services)
    await set_state(prefect, document, "CANCELLED")
    await reconcile(services)
    stopped = await job(services, document.job_id)
    resumed = away(services)
    await resume(resumed, stopped, await job_status(services.store, TENANT, document.job_id), by="api")
    assert (await reconcile(services)).runs_told == 1
    assert (await state_of(prefect, document))["name"] == "AwaitingRetry"
    after = await job(services, document.job_id)
    assert (after.state, after.round, after.flow_run_id) == (JobState.PUBLISHED, 2, document.flow_run_id)


@pytest.mark.parametrize("type_", ["RUNNING", "CRASHED"])
async def test_a_run_whose_process_died_goes_on_by_itself_three_times(
    services: Services, prefect: httpx.AsyncClient, type_: str
) -> None:
    document = await with_run(services)
    for number in range(1, MOST_CONTINUATIONS + 1):
        await set_state(prefect, document, type_)
        assert await mended(services) == 1
        state = await state_of(prefect, document)
        assert (state["name"], state["message"][: len(CONTINUED)]) == ("AwaitingRetry", CONTINUED)
        assert (await job(services, document.job_id)).continuations == number
    await set_state(prefect, document, "CRASHED")
    assert (await reconcile(services)).runs_mended == 0
    assert (await state_of(prefect, document))["type"] == "CRASHED"


async def test_a_run_that_holds_its_job_is_alive(services: Services, prefect: httpx.AsyncClient) -> None:
    document = await with_run(services)
    await set_state(prefect, document, "RUNNING")
    held = Lease(owner=f"{document.flow_run_id}@elsewhere/1/1", expires_at=now() + timedelta(minutes=1))
    await change_job(services.store, TENANT, document.job_id, lambda _: {"flow": held})
    lost = await with_run(services)
    await set_state(prefect, lost, "RUNNING")
    assert await mended(services) == 1
    assert (await state_of(prefect, lost))["type"] == "SCHEDULED"
    assert (await state_of(prefect, document))["type"] == "RUNNING"


async def test_a_run_suspended_by_a_bare_state_gets_a_process_when_its_job_is_resumed(
    services: Services, prefect: httpx.AsyncClient
) -> None:
    document = await with_run(services)
    for type_ in ("RUNNING", "PAUSED"):
        await set_state(prefect, document, type_)
    await pause(services, TENANT, document.job_id, service="flow", reason="its run was suspended in Prefect")
    status = await job_status(services.store, TENANT, document.job_id)
    await resume(services, await job(services, document.job_id), status, by="api")
    await tell_soon(services, TENANT, document.job_id)
    state = await state_of(prefect, document)
    assert (state["type"], state["name"]) == ("SCHEDULED", "AwaitingRetry")


async def ends(services: Services, prefect: httpx.AsyncClient, document: JobDocument) -> None:
    """Its process had given the job back, and tells the run's last state."""
    await set_state(prefect, document, "COMPLETED")


async def is_taken(services: Services, prefect: httpx.AsyncClient, document: JobDocument) -> None:
    """A process that waited for its turn takes the job."""
    held = Lease(owner=f"{document.flow_run_id}@elsewhere/1/1", expires_at=now() + timedelta(minutes=1))
    await change_job(services.store, TENANT, document.job_id, lambda _: {"flow": held})


@pytest.mark.parametrize(("happens", "after"), [(ends, "COMPLETED"), (is_taken, "RUNNING")])
async def test_a_run_that_seems_lost_for_a_moment_does_not_crash(
    services: Services, prefect: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, happens: Happens, after: str
) -> None:
    document = await with_run(services)
    await set_state(prefect, document, "RUNNING")
    moments: list[str] = []

    async def moment(_: Services) -> None:
        await happens(services, prefect, document)
        moments.append(document.job_id)

    monkeypatch.setattr("synthmill.runs.lost._moment", moment)

    async def seemed_lost() -> bool:
        assert (await reconcile(services)).runs_mended == 0
        return bool(moments)

    await until_async(seemed_lost, "the run to seem lost")
    states = (await prefect.get("/flow_run_states/", params={"flow_run_id": str(document.flow_run_id)})).json()
    assert (await state_of(prefect, document))["type"] == after
    assert "CRASHED" not in {state["type"] for state in states}
