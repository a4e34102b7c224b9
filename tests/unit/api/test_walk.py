"""Every route of the OpenAPI document, walked by callers who must not get through with ids that do exist.

Routes are found in the document. A new one whose path or body names a kind of thing that
`tests/support/api_things.py` does not make fails here until it does.
"""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from starlette.routing import BaseRoute

from synthmill_api.auth.scopes import Scope
from tests.support.api import Api, problem, started
from tests.support.api_things import BODIES, MARK, Things, asked, things_of
from tests.support.openapi import OPEN, Route, document, resolved, routes

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUTES = routes()
each_route = pytest.mark.parametrize("route", ROUTES, ids=str)

HIDDEN = {"/openapi.json", "/metrics", "/internal/prefect/run-ended"}
"""Paths that the document leaves out; each has tests of its own."""

_REFERENCE = re.compile(r"^(sources|stored_recipe)$|_ids?$")
_SHARED_NAMES = {"version"}
"""Ids that tell nothing, because everybody has them."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The owner of one thing of each kind, and somebody of another tenant; both hold every scope."""

    api: Api
    owner: httpx.AsyncClient
    stranger: httpx.AsyncClient
    things: Things

    def secrets(self) -> Iterator[str]:
        """What nobody else may be told."""
        yield MARK
        yield from (value for name, value in self.things.items() if name not in _SHARED_NAMES)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    home: Path = tmp_path_factory.mktemp("walk")
    async with started(home) as api, await api.client() as owner, await api.client("acme") as stranger:
        yield Scene(api, owner, stranger, await things_of(api, owner))


@each_route
async def test_the_owner_reaches_what_others_are_refused(scene: Scene, route: Route) -> None:
    """Without this the refusals below could be those of ids that nobody has."""
    if route.method != "GET" or route.streams_events or route.needs_prefect:
        return
    response = await scene.owner.send(asked(scene.owner, route, scene.things).request)
    assert response.is_success, f"{route}: {response.text}"


@each_route
async def test_another_tenants_ids_do_not_exist_and_nothing_of_theirs_is_told(scene: Scene, route: Route) -> None:
    ask = asked(scene.stranger, route, scene.things)
    response = await scene.stranger.send(ask.request)
    assert ask.told_of(response, scene.secrets()) == []
    if route.needs_prefect:
        assert response.status_code in (404, 422, 501)
        return
    if route.names("path") or route.id in BODIES:
        _refused(response, route, 404, "not_found")
    else:
        assert response.status_code < 500
        assert response.status_code != 404 or route.names("query")


async def test_the_walk_of_a_stranger_changed_nothing(scene: Scene) -> None:
    read = [route for route in ROUTES if route.method == "GET" and not (route.streams_events or route.needs_prefect)]
    before = [await _read(scene, route) for route in read]
    for route in ROUTES:
        if route.method != "GET":
            await scene.stranger.send(asked(scene.stranger, route, scene.things).request)
    assert [await _read(scene, route) for route in read] == before


async def _read(scene: Scene, route: Route) -> bytes:
    return (await scene.owner.send(asked(scene.owner, route, scene.things).request)).content


@each_route
async def test_a_key_without_the_routes_scope_gets_nowhere(scene: Scene, route: Route) -> None:
    async with await scene.api.client(scopes=[scope for scope in Scope if scope is not route.scope]) as caller:
        ask = asked(caller, route, scene.things)
        response = await caller.send(ask.request)
    _refused(response, route, 403, "forbidden")
    assert ask.told_of(response, scene.secrets()) == []


@each_route
async def test_without_a_key_nothing_is_told(scene: Scene, route: Route) -> None:
    async with scene.api.anonymous() as anyone:
        ask = asked(anyone, route, scene.things)
        response = await anyone.send(ask.request)
    _refused(response, route, 401, "unauthenticated")
    assert ask.told_of(response, scene.secrets()) == []


def _refused(response: httpx.Response, route: Route, status: int, code: str) -> None:
    if route.method == "HEAD":
        assert response.status_code == status
    else:
        problem(response, status, code)


async def test_every_kind_of_thing_that_a_path_names_has_one_here(scene: Scene) -> None:
    named = {name for route in ROUTES for name in route.names("path")}
    assert named - scene.things.keys() == set(), "make one in tests/support/api_things.py"


async def test_every_body_that_names_things_by_id_is_asked_with_another_tenants(scene: Scene) -> None:
    naming = {route.id for route in ROUTES if any(_REFERENCE.search(name) for name in _properties(route.body_schema))}
    assert naming - BODIES.keys() == set(), "add a body to tests/support/api_things.py"


def _properties(schema: dict[str, Any] | None) -> Iterator[str]:
    for name, member in ((schema or {}).get("properties") or {}).items():
        yield name
        if "$ref" in member:
            yield from _properties(resolved(member))


async def test_no_route_is_hidden_from_the_walk(scene: Scene) -> None:
    served = set(_paths(scene.api.app.routes))
    assert served - document()["paths"].keys() == HIDDEN
    assert served >= {route.path for route in ROUTES} | OPEN


def _paths(found: Sequence[BaseRoute]) -> Iterator[str]:
    """Of routes, and of those in included routers, whose own routers hold paths with the prefix."""
    for route in found:
        router = getattr(route, "original_router", None)
        if router is not None:
            yield from _paths(router.routes)
        else:
            path: str = getattr(route, "path")  # noqa: B009  not every kind of route has one
            yield path
