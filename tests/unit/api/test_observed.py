"""Every request has a trace, a line in the log and a place in the metrics, whatever becomes of it."""

import logging
from typing import Any

import httpx
import pytest

from synthmill import tracing
from synthmill.jobs.documents import get_job, trace_of
from synthmill.monitoring import metrics
from synthmill.settings import MonitoringSettings, Settings
from tests.support.api import Api
from tests.support.jobs import recipe

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
LOGGER = "synthmill_api"


def samples(name: str) -> dict[str, float]:
    """Labels, as they stand in the text, and values of a metric."""
    lines = metrics.exposition().decode().splitlines()
    found = (line.rsplit(" ", 1) for line in lines if line.startswith(f"{name}{{"))
    return {sample.removeprefix(name): float(value) for sample, value in found}


async def made(client: httpx.AsyncClient, **headers: str) -> str:
    """A new job."""
    body = {"recipe": recipe().recipe.model_dump(mode="json")}
    response = await client.post("/v1/jobs", json=body, headers=headers)
    assert response.status_code == 202, response.text
    return str(response.json()["id"])


async def test_a_job_goes_on_with_the_trace_of_the_request_that_made_it(api: Api, client: httpx.AsyncClient) -> None:
    job_id = await made(client, traceparent=GIVEN)
    trace = trace_of((await get_job(api.services.store, "default", job_id)).document)
    given = tracing.parse(GIVEN)
    assert given is not None
    assert (trace.trace_id, trace.span_id != given.span_id) == (given.trace_id, True)


@pytest.mark.parametrize("header", [{}, {"traceparent": "00-nonsense"}])
async def test_a_request_without_a_trace_begins_one(
    api: Api, client: httpx.AsyncClient, header: dict[str, str]
) -> None:
    traces = {
        trace_of((await get_job(api.services.store, "default", await made(client, **header))).document).trace_id
        for _ in range(2)
    }
    assert len(traces) == 2


async def test_each_request_is_a_line_with_its_route_and_its_job(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = await made(client)
    caplog.set_level(logging.INFO)
    caplog.clear()
    await client.get(f"/v1/jobs/{job_id}")
    (line,) = [record for record in caplog.records if record.name == LOGGER]
    told: dict[str, Any] = vars(line)
    assert (told["route"], told["method"], told["status"], told["job_id"]) == ("/v1/jobs/{job_id}", "GET", 200, job_id)


async def test_probes_fill_no_log(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with api.anonymous() as anyone:
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await anyone.get(path)).status_code == 200
    assert [record for record in caplog.records if record.name == LOGGER] == []


async def test_requests_are_counted_by_template_so_that_ids_do_not_grow_the_metrics(
    api: Api, client: httpx.AsyncClient
) -> None:
    for number in range(3):
        await client.get(f"/v1/jobs/none-{number}")
        await client.get(f"/somewhere/{number}")
    await client.request("BREW", "/v1/jobs")
    async with api.anonymous() as anyone:
        text = (await anyone.get("/metrics")).text
    counted = samples("synthmill_api_requests_total")
    assert counted['{method="GET",route="/v1/jobs/{job_id}",status="4xx"}'] >= 3
    assert counted['{method="GET",route="unmatched",status="4xx"}'] >= 3
    assert [labels for labels in counted if 'method="other"' in labels]
    assert not [labels for labels in counted if "BREW" in labels]
    assert not [labels for labels in counted if "none-" in labels or "somewhere" in labels]
    assert "synthmill_api_request_seconds_bucket" in text


async def test_uploaded_bytes_are_counted(client: httpx.AsyncClient) -> None:
    def uploaded() -> float:
        name = "synthmill_api_upload_bytes_total"
        line = next(line for line in metrics.exposition().decode().splitlines() if line.startswith(f"{name} "))
        return float(line.split()[1])

    before, content = uploaded(), b"title\nlamp\n"
    response = await client.post("/v1/sources", params={"name": "a.csv"}, content=content)
    assert response.status_code == 201
    assert uploaded() - before == len(content)


async def test_metrics_need_no_key_and_can_be_switched_off(api: Api) -> None:
    settings: Settings = api.services.settings
    async with api.anonymous() as anyone:
        assert (await anyone.get("/metrics")).headers["content-type"].startswith("text/plain")
        object.__setattr__(settings, "monitoring", MonitoringSettings(metrics=False))
        assert (await anyone.get("/metrics")).status_code == 404
        assert (await anyone.get("/healthz")).status_code == 200


async def test_what_nobody_expected_is_logged_with_the_trace_of_its_request(
    api: Api, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tracing.Trace | None] = []

    async def broken(*_: object) -> None:
        seen.append(tracing.current())
        raise ZeroDivisionError

    monkeypatch.setattr(api.services.store, "search", broken)
    assert (await client.get("/v1/jobs", headers={"traceparent": GIVEN})).status_code == 500
    failures = [record for record in caplog.records if record.levelno == logging.ERROR and record.name == LOGGER]
    assert len(failures) == 1
    assert failures[0].exc_info is not None
    assert [trace.trace_id for trace in seen if trace] == [GIVEN.split("-")[1]]
