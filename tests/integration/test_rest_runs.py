"""Refreshes, schedules and runs through the API, on a real Prefect server; nobody there runs anything."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from synthmill.runs.prefect import OF_TENANT
from synthmill_api.recipes.endpoints import EXAMPLE
from tests.support.api import Api, problem, started

pytestmark = [pytest.mark.integration]

WHAT = {"recipe": EXAMPLE["name"], "source": "products.csv"}


@pytest.fixture
async def prefect(prefect_server: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the server, where the shipped deployment is."""
    async with httpx.AsyncClient(base_url=prefect_server, timeout=30) as client:
        flow = (await client.post("/flows/", json={"name": "refresh-dataset"})).json()
        body = {"name": "scheduled", "flow_id": flow["id"], "entrypoint": "nowhere.py:nothing", "tags": ["synthmill"]}
        (await client.post("/deployments/", json=body)).raise_for_status()
        yield client


@pytest.fixture
async def api(prefect: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    monkeypatch.setenv("SYNTHMILL_PREFECT__URL", str(prefect.base_url))
    async with started(tmp_path / "home") as running:
        yield running


@pytest.fixture
async def tenant(tmp_path: Path) -> str:
    """One that no other test has on this server."""
    return f"t{abs(hash(tmp_path.name)) % 10**9}"


@pytest.fixture
async def client(api: Api, tenant: str) -> AsyncIterator[httpx.AsyncClient]:
    async with await api.client(tenant) as caller:
        (await caller.post("/v1/recipes", json=EXAMPLE)).raise_for_status()
        yield caller


@pytest.fixture
async def stranger(api: Api, tenant: str) -> AsyncIterator[httpx.AsyncClient]:
    async with await api.client(f"{tenant}x") as caller:
        (await caller.post("/v1/recipes", json=EXAMPLE)).raise_for_status()
        yield caller


async def made(client: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:  # noqa: ANN401  JSON
    response = await client.post(path, json={**WHAT, **body})
    assert response.is_success, response.text
    assert response.headers["location"] == f"{path}/{response.json()['id']}"
    result: dict[str, Any] = response.json()
    return result


async def test_a_run_is_started_once_a_key_and_seen_by_its_tenant_alone(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, prefect: httpx.AsyncClient, tenant: str
) -> None:
    client.headers["idempotency-key"] = "monday"
    stranger.headers["idempotency-key"] = "monday"
    run = await made(client, "/v1/runs")
    assert (await made(client, "/v1/runs"))["id"] == run["id"]
    other = await made(stranger, "/v1/runs")
    assert other["id"] != run["id"]
    assert (run["state"], run["recipe"], run["source"]) == ("SCHEDULED", WHAT["recipe"], "products.csv")
    assert run["url"].endswith(f"/runs/flow-run/{run['id']}")
    told = (await prefect.get(f"/flow_runs/{run['id']}")).json()["parameters"]["order"]
    assert told == {
        "recipe": WHAT["recipe"],
        "place": "upload",
        "location": "products.csv",
        "allow_parked": False,
        "tenant": tenant,
    }
    assert [each["id"] for each in (await client.get("/v1/runs")).json()["items"]] == [run["id"]]
    assert (await client.get(f"/v1/runs/{run['id']}")).json()["id"] == run["id"]
    problem(await stranger.get(f"/v1/runs/{run['id']}"), 404, "not_found")
    problem(await client.get(f"/v1/runs/{other['id']}"), 404, "not_found")


async def test_runs_are_listed_page_by_page_and_by_state(client: httpx.AsyncClient) -> None:
    ids = {(await made(client, "/v1/runs"))["id"] for _ in range(3)}
    first = (await client.get("/v1/runs", params={"limit": 2})).json()
    second = (await client.get("/v1/runs", params={"limit": 2, "cursor": first["cursor"]})).json()
    assert (first["total"], len(first["items"]), second["cursor"]) == (3, 2, None)
    assert {run["id"] for run in first["items"] + second["items"]} == ids
    assert (await client.get("/v1/runs", params={"state": "COMPLETED"})).json()["total"] == 0
    problem(await client.get("/v1/runs", params={"cursor": "nonsense"}), 422, "invalid_request")


async def test_a_schedule_is_made_paused_resumed_and_deleted(
    client: httpx.AsyncClient, prefect: httpx.AsyncClient, tenant: str
) -> None:
    nightly = await made(client, "/v1/schedules", cron="0 2 * * *", timezone="Europe/Berlin")
    hourly = await made(client, "/v1/schedules", interval_seconds=3_600)
    assert (nightly["cron"], nightly["timezone"], nightly["active"]) == ("0 2 * * *", "Europe/Berlin", True)
    assert (hourly["cron"], hourly["interval_seconds"]) == (None, 3_600)
    listed = (await client.get("/v1/schedules")).json()
    assert [each["id"] for each in listed["items"]] == [nightly["id"], hourly["id"]]
    path = f"/v1/schedules/{nightly['id']}"
    assert (await client.post(f"{path}/pause")).json()["active"] is False
    own = (await prefect.get(f"/deployments/name/refresh-dataset/scheduled-{tenant}")).json()
    assert {OF_TENANT, f"{OF_TENANT}:{tenant}"} <= set(own["tags"]), "its runs are the tenant's"
    stood = {each["id"]: each["active"] for each in own["schedules"]}
    assert stood == {nightly["id"]: False, hourly["id"]: True}
    assert (await client.post(f"{path}/resume")).json()["active"] is True
    assert (await client.delete(path)).status_code == 204
    problem(await client.get(path), 404, "not_found")
    assert (await client.get("/v1/schedules")).json()["total"] == 1


async def test_another_tenants_schedule_does_not_exist(client: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    mine = await made(client, "/v1/schedules", interval_seconds=3_600)
    await made(stranger, "/v1/schedules", interval_seconds=3_600)
    path = f"/v1/schedules/{mine['id']}"
    for answer in (
        await stranger.get(path),
        await stranger.post(f"{path}/pause"),
        await stranger.post(f"{path}/resume"),
        await stranger.delete(path),
    ):
        problem(answer, 404, "not_found")
    assert mine["id"] not in (await stranger.get("/v1/schedules")).text
    assert (await client.get(path)).json()["active"] is True


@pytest.mark.parametrize(
    "clock",
    [
        {},
        {"cron": "0 2 * * *", "interval_seconds": 3_600},
        {"cron": "never"},
        {"cron": "61 2 * * *"},
        {"cron": "0 2 * * *", "timezone": "Mars/Olympus"},
        {"interval_seconds": 1},
    ],
    ids=str,
)
async def test_a_clock_that_cannot_be_is_refused(client: httpx.AsyncClient, clock: dict[str, Any]) -> None:
    problem(await client.post("/v1/schedules", json={**WHAT, **clock}), 422, "invalid_request")


@pytest.mark.parametrize("recipe", ["/etc/passwd", "../secret.yaml", "products@0", "Products"])
async def test_a_recipe_is_a_stored_one_and_never_a_path(client: httpx.AsyncClient, recipe: str) -> None:
    problem(await client.post("/v1/runs", json={**WHAT, "recipe": recipe}), 422, "invalid_request")
    problem(await client.post("/v1/runs", json={**WHAT, "recipe": "nobodys"}), 404, "not_found")


async def test_prefect_that_is_away_is_a_503_and_none_at_all_a_501(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with started(tmp_path / "none") as api, await api.client() as client:
        problem(await client.get("/v1/runs"), 501, "no_prefect")
    monkeypatch.setenv("SYNTHMILL_PREFECT__URL", "http://127.0.0.1:9/api")
    async with started(tmp_path / "away") as api, await api.client() as client:
        refused = await client.get("/v1/schedules")
        problem(refused, 503, "prefect_unavailable")
        assert int(refused.headers["retry-after"]) > 0
