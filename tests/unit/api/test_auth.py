"""Keys: only a hash is kept, and whatever is wrong with one is told in the same words."""

from itertools import pairwise
from pathlib import Path

import pytest

from synthmill.errors import UserError
from synthmill.settings import Profile, Settings
from synthmill_api.auth.scopes import ROLES, Grant, Role, Scope, read_grant
from synthmill_api.auth.secret import installation_secret
from synthmill_api.config import ApiConfig
from tests.support.api import Api, problem, started


async def test_a_request_without_a_key_is_refused_and_told_how_to_bring_one(api: Api) -> None:
    async with api.anonymous() as anyone:
        response = await anyone.get("/v1/sources")
    problem(response, 401, "unauthenticated")
    assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: f"Basic {key}",
        lambda key: key,
        lambda key: f"Bearer {key[:-1]}{'A' if key[-1] != 'A' else 'B'}",
        lambda key: f"Bearer {key} x",
        lambda key: f"Bearer smk_{'0' * 16}.{key.partition('.')[2]}",
        lambda key: f"Bearer {key.partition('.')[0]}",
        lambda _: "Bearer ",
    ],
)
async def test_every_wrong_key_gets_the_same_answer(api: Api, spoil: object) -> None:
    assert callable(spoil)
    async with api.anonymous(authorization=spoil(await api.key())) as caller:
        body = problem(await caller.get("/v1/sources"), 401, "unauthenticated")
    assert body["detail"] == "there is no valid key with this request"


async def test_an_expired_key_opens_nothing(api: Api) -> None:
    async with api.anonymous(authorization=f"Bearer {await api.key(days=-1)}") as caller:
        problem(await caller.get("/v1/sources"), 401, "unauthenticated")


async def test_a_revoked_key_opens_nothing_from_the_next_request_on(api: Api) -> None:
    key = await api.key()
    async with api.anonymous(authorization=f"Bearer {key}") as caller:
        assert (await caller.get("/v1/sources")).status_code == 200
        await api.runtime.keys.revoke(key.partition(".")[0])
        await api.runtime.keys.revoke(key.partition(".")[0])
        problem(await caller.get("/v1/sources"), 401, "unauthenticated")


async def test_the_refusal_names_the_scope_that_lacks(api: Api) -> None:
    async with await api.client(scopes=[Scope.JOBS_READ]) as caller:
        body = problem(await caller.get("/v1/sources"), 403, "forbidden")
    assert "sources:read" in body["detail"]


async def test_neither_secret_nor_key_lies_in_the_data_folder(api: Api, tmp_path: Path) -> None:
    key = await api.key()
    secret = key.partition(".")[2]
    async with api.anonymous(authorization=f"Bearer {key}") as caller:
        await caller.get("/v1/sources")
    held = [path for path in (tmp_path / "home").rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert held == []


async def test_keys_of_another_installation_secret_are_worth_nothing(tmp_path: Path) -> None:
    async with started(tmp_path / "home", secret="a" * 32) as first:
        key = await first.key()
    async with started(tmp_path / "home", secret="b" * 32) as second:
        assert await second.runtime.keys.caller(key) is None


async def test_the_list_shows_every_tenants_keys_or_one_tenants(api: Api) -> None:
    await api.key("acme")
    await api.key("default")
    assert {document.for_tenant async for document in api.runtime.keys.all()} == {"acme", "default"}
    assert {document.for_tenant async for document in api.runtime.keys.all("acme")} == {"acme"}


async def test_a_key_that_is_not_there_cannot_be_revoked(api: Api) -> None:
    with pytest.raises(UserError, match="no key"):
        await api.runtime.keys.revoke("smk_nobody")


def test_the_secret_file_is_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    first = installation_secret(ApiConfig(), settings)
    assert installation_secret(ApiConfig(), settings) == first
    (file,) = (tmp_path / "home").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_several_machines_need_a_secret_of_the_operators_choice(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="SYNTHMILL_API__SECRET"):
        installation_secret(ApiConfig(), Settings(home=tmp_path, profile=Profile.STACK))


def test_scopes_and_roles_are_read_by_name_and_unknown_ones_are_named() -> None:
    assert read_grant(["jobs:read,jobs:write"]).all == {Scope.JOBS_READ, Scope.JOBS_WRITE}
    assert read_grant(["all"]).all == set(Scope)
    assert read_grant(["viewer", "jobs:write"]) == Grant(frozenset({Scope.JOBS_WRITE}), frozenset({Role.VIEWER}))
    with pytest.raises(UserError, match="jobs:eat is no scope"):
        read_grant(["jobs:eat"])


def test_each_role_may_do_what_the_one_before_it_may() -> None:
    sets = [ROLES[role] for role in (Role.VIEWER, Role.EDITOR, Role.OPERATOR, Role.ADMIN)]
    assert all(one < next_ for one, next_ in pairwise(sets))
    assert ROLES[Role.ADMIN] == set(Scope)
    assert {scope for scope in Scope if scope.endswith(":write")}.isdisjoint(ROLES[Role.VIEWER])
