"""Keys over REST and in time: rights, rotation with an overlap, revocation that every process heeds, last use."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from synthmill_api.auth.keys import KeyRing
from synthmill_api.auth.remembered import Remembered
from synthmill_api.auth.scopes import Grant, Role, Scope
from synthmill_schemas.base import now
from tests.support.api import Api, problem


async def made(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:  # noqa: ANN401  as the request has it
    response = await client.post("/v1/keys", json=body)
    assert response.status_code == 201, response.text
    key: dict[str, Any] = response.json()
    assert response.headers["location"] == f"/v1/keys/{key['prefix']}"
    return key


async def status(api: Api, key: str, path: str = "/v1/sources") -> int:
    async with api.anonymous(authorization=f"Bearer {key}") as caller:
        return (await caller.get(path)).status_code


async def test_a_key_of_a_role_may_do_what_the_role_may(api: Api, client: httpx.AsyncClient) -> None:
    viewer = await made(client, roles=["viewer"], name="wall")
    assert await status(api, viewer["key"]) == 200
    assert await status(api, viewer["key"], "/v1/keys") == 403
    async with api.anonymous(authorization=f"Bearer {viewer['key']}") as caller:
        problem(await caller.post("/v1/jobs", json={}), 403, "forbidden")
    shown = (await client.get(f"/v1/keys/{viewer['prefix']}")).json()
    assert (shown["name"], shown["roles"], shown["state"]) == ("wall", ["viewer"], "live")
    assert not {"key", "hash"} & shown.keys()


async def test_nobody_gives_rights_that_he_lacks(api: Api, client: httpx.AsyncClient) -> None:
    clerk = await made(client, scopes=["keys:write", "jobs:read"])
    async with api.anonymous(authorization=f"Bearer {clerk['key']}") as caller:
        assert (await caller.post("/v1/keys", json={"scopes": ["jobs:read"]})).status_code == 201
        problem(await caller.post("/v1/keys", json={"roles": ["admin"]}), 403, "forbidden")
        admin = await made(client, roles=["admin"])
        problem(await caller.post(f"/v1/keys/{admin['prefix']}/rotate", json={}), 403, "forbidden")


@pytest.mark.parametrize("body", [{}, {"roles": ["king"]}, {"roles": ["viewer"], "days": 0}, {"tenant": "acme"}])
async def test_a_key_that_cannot_be_is_refused(client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    problem(await client.post("/v1/keys", json=body), 422, "invalid_request")


async def test_a_rotated_key_opens_until_its_overlap_ends_and_the_new_one_does_the_same_work(
    api: Api, client: httpx.AsyncClient
) -> None:
    old = await made(client, roles=["viewer"], days=10)
    before = now()
    rotated = (await client.post(f"/v1/keys/{old['prefix']}/rotate", json={"overlap_hours": 2})).json()
    assert await status(api, old["key"]) == await status(api, rotated["key"]) == 200
    ending = (await client.get(f"/v1/keys/{old['prefix']}")).json()
    assert ending["successor"] == rotated["prefix"]
    assert timedelta(hours=2) <= datetime.fromisoformat(ending["expires_at"]) - before < timedelta(hours=3)
    assert timedelta(days=10) <= datetime.fromisoformat(rotated["expires_at"]) - before < timedelta(days=11)
    last = (await client.post(f"/v1/keys/{rotated['prefix']}/rotate", json={"overlap_hours": 0})).json()
    assert await status(api, rotated["key"]) == 401
    assert await status(api, last["key"]) == 200
    problem(await client.post(f"/v1/keys/{rotated['prefix']}/rotate", json={}), 409, "key_ended")


async def test_a_revoked_key_is_listed_and_opens_nothing_here_at_once(api: Api, client: httpx.AsyncClient) -> None:
    key = await made(client, scopes=["sources:read"])
    assert await status(api, key["key"]) == 200
    assert (await client.post(f"/v1/keys/{key['prefix']}/revoke")).json()["state"] == "revoked"
    assert await status(api, key["key"]) == 401
    listed = (await client.get("/v1/keys")).json()["items"]
    assert {item["prefix"]: item["state"] for item in listed}[key["prefix"]] == "revoked"


async def test_another_process_heeds_a_revocation_when_it_stops_remembering(api: Api) -> None:
    text = await api.key()
    other = KeyRing(api.services.store, "s" * 32, remembered_seconds=0)
    text, document = await other.create("default", Grant(roles=frozenset({Role.VIEWER})))
    remembering = KeyRing(api.services.store, "s" * 32, remembered_seconds=1_000)
    assert await remembering.caller(text) is not None
    await other.revoke(document.prefix)
    assert await other.caller(text) is None
    assert await remembering.caller(text) is not None, "so long, and no longer than remembered_seconds"


def test_what_is_remembered_is_forgotten_in_time() -> None:
    time = [0.0]
    remembered = Remembered[str](5, lambda: time[0])
    remembered.put("hash", "key")
    time[0] = 4.9
    assert remembered.get("hash") == "key"
    time[0] = 5.0
    assert remembered.get("hash") is None


async def test_a_keys_last_use_is_noted_once_a_minute(
    api: Api, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await made(client, scopes=["sources:read"])
    writes: list[str] = []
    patch = type(api.services.store).patch

    async def counted(self: object, place: object, id_: str, *more: Any, **named: Any) -> Any:  # noqa: ANN401  as the port has it
        writes.append(id_)
        return await patch(self, place, id_, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(type(api.services.store), "patch", counted)
    for _ in range(5):
        assert await status(api, key["key"]) == 200
    assert writes.count(key["prefix"]) == 1
    shown = (await client.get(f"/v1/keys/{key['prefix']}")).json()
    assert now() - datetime.fromisoformat(shown["last_used_at"]) < timedelta(minutes=1)


async def test_a_role_that_gains_a_right_gives_it_to_keys_that_have_the_role(api: Api) -> None:
    text, document = await api.runtime.keys.create("default", Grant(roles=frozenset({Role.ADMIN})))
    assert document.scopes == []
    caller = await api.runtime.keys.caller(text)
    assert caller is not None
    assert caller.scopes == frozenset(Scope)
