"""Webhooks through the API: made with a secret that is told once, changed, tried, and looked at."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from synthmill.webhooks.courier import Courier
from synthmill.webhooks.registry import MOST
from synthmill.webhooks.sending import sender
from tests.support.api import Api, problem, started
from tests.support.receiver import receiver

URL = "https://192.0.43.8/hook"


async def carried(api: Api) -> None:
    async with sender(api.services.settings.webhooks) as sends:
        courier = Courier(api.services, sends)
        await courier.round()
        await courier.arrived()


@pytest.fixture
async def reaching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    """An API whose webhooks may reach this machine."""
    monkeypatch.setenv("SYNTHMILL_WEBHOOKS__ALLOW", '["127.0.0.0/8"]')
    async with started(tmp_path / "home") as running:
        yield running


async def test_the_secret_is_told_when_it_is_made_and_never_again(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/webhooks", json={"url": URL, "states": ["completed"]})
    assert response.status_code == 201
    made = response.json()
    assert made["secret"].startswith("whsec_")
    path = response.headers["location"]
    assert path == f"/v1/webhooks/{made['id']}"
    seen = [await client.get(path), await client.get("/v1/webhooks"), await client.patch(path, json={"url": URL})]
    for answer in seen:
        assert answer.status_code == 200
        assert "secret" not in answer.text
        assert made["secret"] not in answer.text
    renewed = (await client.post(f"{path}/secret")).json()["secret"]
    assert renewed != made["secret"]


async def test_a_webhook_is_changed_and_deleted(client: httpx.AsyncClient) -> None:
    path = (await client.post("/v1/webhooks", json={"url": URL})).headers["location"]
    off = (await client.patch(path, json={"enabled": False, "states": ["failed"], "description": "mine"})).json()
    assert (off["state"], off["states"], off["description"], off["url"]) == ("disabled", ["failed"], "mine", URL)
    assert (await client.patch(path, json={"enabled": True})).json()["state"] == "live"
    problem(await client.patch(path, json={}), 422, "invalid_request")
    assert (await client.delete(path)).status_code == 204
    problem(await client.get(path), 404, "not_found")
    assert (await client.get("/v1/webhooks")).json()["total"] == 0


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/", "http://192.0.43.8/", "https://localhost/", "https://169.254.169.254/latest", "nonsense"],
)
async def test_an_address_that_must_not_be_reached_is_refused_at_once(client: httpx.AsyncClient, url: str) -> None:
    body = problem(await client.post("/v1/webhooks", json={"url": url}), 422, "invalid_request")
    assert body["faults"][0]["path"] == "body.url"
    path = (await client.post("/v1/webhooks", json={"url": URL})).headers["location"]
    problem(await client.patch(path, json={"url": url}), 422, "invalid_request")


async def test_a_webhook_of_a_job_that_is_not_there_is_a_404(client: httpx.AsyncClient) -> None:
    problem(await client.post("/v1/webhooks", json={"url": URL, "job_id": "nobody"}), 404, "not_found")


async def test_a_tenant_has_only_so_many(client: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    for _ in range(MOST):
        assert (await client.post("/v1/webhooks", json={"url": URL})).status_code == 201
    problem(await client.post("/v1/webhooks", json={"url": URL}), 409, "too_many_webhooks")
    assert (await stranger.post("/v1/webhooks", json={"url": URL})).status_code == 201


async def test_a_message_can_be_tried_looked_at_and_sent_again(reaching: Api) -> None:
    async with await reaching.client() as client:
        with receiver(500, 204) as there:
            made = (await client.post("/v1/webhooks", json={"url": there.url})).json()
            path = f"/v1/webhooks/{made['id']}"
            tried = await client.post(f"{path}/test")
            assert (tried.status_code, tried.json()["state"]) == (202, "pending")
            await carried(reaching)
            (failed,) = (await client.get(f"{path}/deliveries")).json()["items"]
            assert (failed["attempts"], failed["status"]) == (1, 500)
            assert (await client.get(path)).json()["failing_since"] is not None
            again = await client.post(f"{path}/deliveries/{failed['id']}/resend")
            assert again.status_code == 202
            await carried(reaching)
            assert [each.id for each in there.received] == [failed["id"]] * 2
            assert there.received[0].signed_with(made["secret"])
            assert there.received[0].says["type"] == "webhook.test"
            delivered = (await client.get(f"{path}/deliveries", params={"state": "delivered"})).json()
            assert [one["id"] for one in delivered["items"]] == [failed["id"]]
            other = (await client.post("/v1/webhooks", json={"url": there.url})).json()
            problem(await client.post(f"/v1/webhooks/{other['id']}/deliveries/{failed['id']}/resend"), 404, "not_found")
