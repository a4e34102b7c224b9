"""The API while a server behind it is stopped: a clear 503, nothing half made, and the same request again is a job."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from synthmill.ports.broker import Queue
from synthmill_api.app import create_app
from synthmill_api.config import ApiConfig
from tests.support import stack
from tests.support.api import Api, problem
from tests.support.installation import settings_on
from tests.support.jobs import recipe
from tests.support.on_stack import ON_STACK
from tests.support.servers import Server, own_server
from tests.support.uploads import CSV, recipe_data

pytestmark = list(ON_STACK)

PLAIN: dict[str, Any] = {"recipe": recipe().recipe.model_dump(mode="json", by_alias=True)}
ROWS: dict[str, Any] = {"recipe": recipe_data(), "rows": [{"title": "lamp"}]}
CODES = {
    "rabbitmq": "broker_unavailable",
    "minio": "object_store_unavailable",
    "elasticsearch": "store_unavailable",
}


@pytest.fixture(scope="module", params=["rabbitmq", "minio", pytest.param("elasticsearch", marks=pytest.mark.long)])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """One that may be killed."""
    with own_server(request.param) as running:
        yield running


@asynccontextmanager
async def caller(location: Path, indices: Path, server: Server) -> AsyncIterator[tuple[Api, httpx.AsyncClient]]:
    """An API on this server and on the shared others; in the indexes that tests share it has a tenant of its own."""
    settings = settings_on(location, server, indices=indices)
    settings = settings.model_copy(update={"rabbitmq": settings.rabbitmq.model_copy(update={"confirm_seconds": 5.0})})
    app = create_app(settings, ApiConfig(secret=SecretStr("s" * 32), retry_after_seconds=7))
    async with app.router.lifespan_context(app):
        api = Api(app)
        async with await api.client(server.name) as client:
            yield api, client
    for name, remove in {"rabbitmq": stack.remove_queues, "minio": stack.remove_bucket}.items():
        if name != server.name:
            await remove(str(location))


async def refused(client: httpx.AsyncClient, code: str, body: dict[str, Any], key: str | None) -> None:
    headers = {} if key is None else {"idempotency-key": key}
    answer = await client.post("/v1/jobs", json=body, headers=headers)
    problem(answer, 503, code)
    assert answer.headers["retry-after"] == "7"


async def test_what_is_refused_while_a_server_is_down_is_made_once_when_it_is_back(
    tmp_path: Path, indices: Path, server: Server
) -> None:
    code = CODES[server.name]
    async with caller(tmp_path, indices, server) as (api, client):
        source = (await client.post("/v1/sources", params={"name": "p.csv"}, content=CSV)).json()["id"]
        bodies = {"rows": ROWS, "file": {"recipe": recipe_data(), "sources": [source]}}
        if server.name != "minio":  # a job without files needs no object store
            bodies["plain"] = PLAIN
        server.kill()
        for key, body in bodies.items():
            await refused(client, code, body, None)
            await refused(client, code, body, key)
        server.start()
        assert (await client.get("/v1/jobs")).json()["items"] == []
        made = [
            (await client.post("/v1/jobs", json=body, headers={"idempotency-key": key})).json()
            for key, body in bodies.items()
            for _ in range(2)
        ]
        assert len({job["id"] for job in made}) == len(bodies)
        assert {job["state"] for job in made} == {"planned", "published"}
        assert (await client.get("/v1/jobs")).json()["total"] == len(bodies)
        expected = sum(job["records"] for job in made[::2] if job["state"] == "planned")
        assert (await api.runtime.services.broker.depth(Queue.GENERATION)).ready == expected
