"""Tokens of an OIDC issuer on loopback: what they give, and everything that makes one worthless."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import ValidationError

from synthmill_api.auth.issuer import Issuer
from synthmill_api.auth.scopes import ROLES, Role, Scope
from synthmill_api.auth.tokens import OidcSettings, TokenReader
from synthmill_schemas.base import now
from tests.support.api import Api, problem, started
from tests.support.issuer import AUDIENCE, SmallIssuer, small_issuer


@pytest.fixture
def issuer() -> Iterator[SmallIssuer]:
    with small_issuer() as running:
        yield running


@pytest.fixture
async def api(tmp_path: Path, issuer: SmallIssuer) -> AsyncIterator[Api]:
    oidc = OidcSettings(issuer=issuer.url, audience=AUDIENCE)
    async with started(tmp_path / "home", oidc=oidc) as running:
        yield running


async def status(api: Api, token: str, path: str = "/v1/jobs") -> int:
    async with api.anonymous(authorization=f"Bearer {token}") as caller:
        response = await caller.get(path)
        if response.status_code == 401:
            assert problem(response, 401, "unauthenticated")["detail"] == "there is no valid key with this request"
        return response.status_code


async def test_a_token_gives_its_tenant_what_its_roles_and_scopes_give(api: Api, issuer: SmallIssuer) -> None:
    reader = api.runtime.tokens
    assert reader is not None
    caller = await reader.caller(issuer.token(roles=["viewer", "stranger"], scope="openid jobs:write"))
    assert caller is not None
    assert (caller.tenant, caller.key) == ("acme", "oidc:ada")
    assert caller.scopes == ROLES[Role.VIEWER] | {Scope.JOBS_WRITE}
    assert await status(api, issuer.token()) == 200
    assert await status(api, issuer.token(roles=[])) == 403
    assert await status(api, issuer.token(), "/v1/keys") == 403
    assert await status(api, await api.key()) == 200, "keys go on beside tokens"


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": now() - timedelta(minutes=1)},
        {"exp": None},
        {"nbf": now() + timedelta(hours=1)},
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"sub": None},
        {"tenant": None},
        {"tenant": "No Tenant"},
        {"tenant": "_api"},
        {"tenant": ["acme"]},
    ],
    ids=str,
)
async def test_a_token_with_one_thing_wrong_opens_nothing(
    api: Api, issuer: SmallIssuer, claims: dict[str, Any]
) -> None:
    assert await status(api, issuer.token(**claims)) == 401


async def test_clocks_may_differ_a_little(api: Api, issuer: SmallIssuer) -> None:
    late, early = now() - timedelta(seconds=10), now() + timedelta(seconds=10)
    assert await status(api, issuer.token(exp=late)) == 200
    assert await status(api, issuer.token(nbf=early)) == 200


def _signed(header: dict[str, Any], claims: dict[str, Any], secret: bytes | None) -> str:
    def part(value: dict[str, Any]) -> str:
        return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    text = f"{part(header)}.{part(claims)}"
    signature = b"" if secret is None else hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}"


async def test_no_signature_and_a_public_key_as_a_secret_are_no_signatures(api: Api, issuer: SmallIssuer) -> None:
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    public = issuer.keys["one"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert await status(api, _signed({"alg": "none", "kid": "one"}, claims, None)) == 401
    for secret in (public, json.dumps(issuer.public("one")).encode()):
        assert await status(api, _signed({"alg": "HS256", "kid": "one"}, claims, secret)) == 401
    with small_issuer() as other:
        other.url = issuer.url
        assert await status(api, other.token()) == 401, "another's key of the same id"
    assert await status(api, issuer.token() + "x") == 401
    assert await status(api, "a.b.c") == 401


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_neither_none_nor_a_shared_secret_can_be_set(algorithm: str) -> None:
    with pytest.raises(ValidationError):
        OidcSettings(issuer="https://issuer.example", audience="a", algorithms=[algorithm])  # type: ignore[list-item]


def test_an_issuer_is_asked_where_nobody_can_listen_in() -> None:
    with pytest.raises(ValidationError, match="neither https"):
        OidcSettings(issuer="http://issuer.example", audience="a")


async def test_keys_are_asked_for_once_and_a_rotated_one_is_found(issuer: SmallIssuer) -> None:
    time = [0.0]
    settings = OidcSettings(issuer=issuer.url, audience=AUDIENCE)
    reader = TokenReader(settings, Issuer(issuer.url, 300, 5, lambda: time[0]))
    for _ in range(3):
        assert await reader.caller(issuer.token()) is not None
    assert issuer.asked["/keys"] == 1
    issuer.new_key("two")
    assert await reader.caller(issuer.token("two")) is None, "nobody makes us ask at every token"
    time[0] = 10.0
    assert await reader.caller(issuer.token("two")) is not None
    old = issuer.token("one")
    del issuer.keys["one"]
    assert await reader.caller(old) is not None
    time[0] = 400.0
    assert await reader.caller(old) is None, "a key that was taken back is forgotten in time"


async def test_an_issuer_that_is_away_is_a_503_only_while_nothing_of_it_is_known(api: Api, issuer: SmallIssuer) -> None:
    issuer.away = True
    async with api.anonymous(authorization=f"Bearer {issuer.token()}") as caller:
        response = await caller.get("/v1/jobs")
        problem(response, 503, "unavailable")
        assert issuer.url not in response.text
        issuer.away = False
        assert (await caller.get("/v1/jobs")).status_code == 200
        issuer.away = True
        assert (await caller.get("/v1/jobs")).status_code == 200


async def test_claims_are_read_as_the_settings_say(issuer: SmallIssuer) -> None:
    settings = OidcSettings(
        issuer=issuer.url,
        audience=AUDIENCE,
        tenant_claim="org.id",
        tenants={"4711": "acme"},
        roles_claim="https://acme.example/groups",
        roles={"data-eng": Role.OPERATOR},
    )
    reader = TokenReader(settings)
    told = {"org": {"id": "4711"}, "https://acme.example/groups": ["data-eng", "admin"], "tenant": "other"}
    caller = await reader.caller(issuer.token(**told))
    assert caller is not None
    assert (caller.tenant, caller.scopes) == ("acme", ROLES[Role.OPERATOR])
    assert await reader.caller(issuer.token(**{**told, "org": {"id": "4712"}})) is None
