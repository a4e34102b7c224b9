"""Every route of the OpenAPI document, walked by callers who must not get through, and checked for what it says."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from synthmill.jobs.release import release
from synthmill.ports.broker import Message, Queue
from synthmill.settings import Settings
from synthmill_api.app import create_app
from synthmill_api.auth.scopes import Scope
from synthmill_api.config import ApiConfig
from synthmill_api.recipes.endpoints import EXAMPLE
from tests.support.api import Api, problem
from tests.support.gate_reports import stored_report
from tests.support.jobs import TENANT, accepted, recipe, store_slots
from tests.support.made import made_job, poems
from tests.support.uploads import worked

DOCUMENT: dict[str, Any] = create_app(Settings(home=Path("unused")), ApiConfig()).openapi()
OPEN = {"/healthz", "/readyz"}
CREATES = {"upload_source", "store_recipe", "create_job", "validate_recipe"}
"""Routes that name nobody's things in their path."""

THINGS = ("source_id", "job_id", "record_id", "export_id", "letter_id", "dataset")


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    operation: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def scope(self) -> Scope:
        ((scope,),) = (requirement["key"] for requirement in self.operation["security"])
        return Scope(scope)


def routes() -> Iterator[Route]:
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            if path not in OPEN:
                yield Route(method.upper(), path, operation)


ROUTES = list(routes())
each_route = pytest.mark.parametrize("route", ROUTES, ids=str)


async def things_of(api: Api, owner: httpx.AsyncClient) -> dict[str, str]:
    """Ids of real things of this caller, by the names that paths give them."""
    source = (await owner.post("/v1/sources", params={"name": "a.csv"}, content=b"title\nlamp\n")).json()["id"]
    name = (await owner.post("/v1/recipes", json=EXAMPLE)).json()["name"]
    body = {"recipe": recipe().recipe.model_dump(mode="json")}
    job = (await owner.post("/v1/jobs", json=body)).json()["id"]
    await worked(api.services)
    await store_slots(api.services, accepted(job, 0))
    await stored_report(api.services.store, job, "passed")
    export = (await owner.post(f"/v1/jobs/{job}/exports", json={})).json()["id"]
    await api.services.broker.publish(Queue.JOBS, [Message("stray", b"{ not JSON")])
    await worked(api.services)
    await made_job(api.services, poems(1), job_id="released")
    await release(api.services, TENANT, "released")
    ids = {
        "dataset": "colours",
        "source_id": source,
        "job_id": job,
        "record_id": f"{job}-0",
        "export_id": export,
        "letter_id": "dead-jobs-stray",
    }
    return {"name": name, "version": "1", **ids}


def sent(client: httpx.AsyncClient, route: Route, things: dict[str, str]) -> httpx.Request:
    path = route.path.format(**things)
    takes_body = "requestBody" in route.operation
    return client.build_request(route.method, path, json={} if takes_body else None)


async def test_the_owner_reaches_everything_that_others_are_refused(api: Api, client: httpx.AsyncClient) -> None:
    things = await things_of(api, client)
    for route in ROUTES:
        if route.method == "GET":
            response = await client.send(sent(client, route, things))
            assert response.status_code == 200, f"{route}: {response.text}"


@each_route
async def test_another_tenants_ids_do_not_exist(
    api: Api, client: httpx.AsyncClient, stranger: httpx.AsyncClient, route: Route
) -> None:
    things = await things_of(api, client)
    response = await stranger.send(sent(stranger, route, things))
    if "{" in route.path:
        problem(response, 404, "not_found")
    elif route.operation["operationId"] in CREATES:
        assert response.status_code == 422
    else:
        assert response.json()["total"] == 0
    if "{" not in route.path:
        assert not [value for name, value in things.items() if name != "version" and value in response.text]


@each_route
async def test_a_key_without_the_routes_scope_gets_nowhere(api: Api, client: httpx.AsyncClient, route: Route) -> None:
    things = await things_of(api, client)
    others = [scope for scope in Scope if scope is not route.scope]
    async with await api.client(scopes=others) as caller:
        body = problem(await caller.send(sent(caller, route, things)), 403, "forbidden")
    assert route.scope in body["detail"]


@each_route
async def test_without_a_key_nothing_is_told(api: Api, route: Route) -> None:
    things = dict.fromkeys((*THINGS, "name", "version"), "x")
    async with api.anonymous() as anyone:
        problem(await anyone.send(sent(anyone, route, things)), 401, "unauthenticated")


@each_route
def test_every_route_says_what_it_needs_and_every_answer_it_has(route: Route) -> None:
    operation = route.operation
    assert operation["operationId"]
    assert operation["tags"]
    assert operation["summary"]
    assert {"401", "403", "422", "500", "503"} <= operation["responses"].keys()
    assert ("404" in operation["responses"]) == ("{" in route.path or operation["operationId"] == "create_job")
    for status, response in operation["responses"].items():
        if int(status) >= 400:
            (content,) = response["content"].values()
            assert list(response["content"]) == ["application/problem+json"]
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
            assert all(example["value"]["status"] == int(status) for example in content["examples"].values())


def test_operation_ids_are_unique_and_references_point_somewhere() -> None:
    ids = [route.operation["operationId"] for route in ROUTES]
    assert len(set(ids)) == len(ids)
    schemas = DOCUMENT["components"]["schemas"]

    def references(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            for key, member in value.items():
                if key == "$ref" and isinstance(member, str):
                    yield member
                yield from references(member)
        elif isinstance(value, list):
            for member in value:
                yield from references(member)

    missing = {name for name in references(DOCUMENT) if name.removeprefix("#/components/schemas/") not in schemas}
    assert missing == set()


async def test_the_document_is_served_without_a_key(api: Api) -> None:
    async with api.anonymous() as anyone:
        assert (await anyone.get("/openapi.json")).json()["openapi"].startswith("3.1")
