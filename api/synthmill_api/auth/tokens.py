"""Bearer tokens of an OIDC issuer: whose they are is told by claims that the settings name.

The only module that knows `jwt`.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import jwt
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from synthmill_api.auth.issuer import Issuer, required_safe
from synthmill_api.auth.scopes import Caller, Grant, Role, Scope

_TENANT = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_MOST_BYTES = 16_384
_KINDS = {"RSA", "EC", "OKP"}  # public ones: an `oct` key would let whoever reads it sign


class Algorithm(StrEnum):
    """Signatures by a private key; neither `none` nor a shared secret can be chosen."""

    RS256 = "RS256"
    RS384 = "RS384"
    RS512 = "RS512"
    PS256 = "PS256"
    PS384 = "PS384"
    PS512 = "PS512"
    ES256 = "ES256"
    ES384 = "ES384"
    ES512 = "ES512"
    EDDSA = "EdDSA"


class OidcSettings(BaseModel):
    """`SYNTHMILL_API__OIDC__…`; maps are JSON objects."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: Annotated[str, AfterValidator(required_safe)] = Field(description="its URL, exactly as tokens have it")
    audience: str = Field(min_length=1, description="tokens for anybody else are refused")
    algorithms: list[Algorithm] = Field([Algorithm.RS256, Algorithm.ES256], min_length=1)
    tenant_claim: str = Field("tenant", description="a claim, or a path of claims joined by dots")
    tenants: dict[str, str] = Field({}, description="tenant by value of that claim; empty: the value is the tenant")
    tenant: str | None = Field(None, description="of all tokens, instead of a claim")
    roles_claim: str = "roles"
    roles: dict[str, Role] = Field({}, description="role by value of that claim; empty: the value is the role")
    scopes_claim: str = Field("scope", description="words of it that are scopes here are given")
    leeway_seconds: int = Field(30, ge=0, le=120, description="between the issuer's clock and ours")
    keys_seconds: float = Field(300.0, gt=0, le=86_400, description="how long its keys are kept")
    request_seconds: float = Field(5.0, gt=0)


class TokenReader:
    """Checks tokens of one issuer."""

    def __init__(self, settings: OidcSettings, issuer: Issuer | None = None) -> None:
        self._settings = settings
        self._issuer = issuer or Issuer(settings.issuer, settings.keys_seconds, settings.request_seconds)

    async def caller(self, text: str) -> Caller | None:
        """Whose token it is; None when it is wrong, over, for others, or tells no tenant."""
        if len(text) > _MOST_BYTES:
            return None
        try:
            claims = await self._claims(text)
        except jwt.PyJWTError:
            return None
        return None if claims is None else self._caller(claims)

    async def _claims(self, text: str) -> Mapping[str, Any] | None:
        header = jwt.get_unverified_header(text)
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in self._settings.algorithms or not isinstance(key_id, str):
            return None
        key = await self._issuer.key(key_id)
        if key is None or key.get("kty") not in _KINDS or key.get("alg", algorithm) != algorithm:
            return None
        claims: Mapping[str, Any] = jwt.decode(
            text,
            jwt.PyJWK(dict(key), algorithm=algorithm),
            algorithms=[algorithm],
            audience=self._settings.audience,
            issuer=self._settings.issuer,
            leeway=self._settings.leeway_seconds,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
        return claims

    def _caller(self, claims: Mapping[str, Any]) -> Caller | None:
        tenant = self._tenant(claims)
        if tenant is None:
            return None
        grant = Grant(frozenset(self._scopes(claims)), frozenset(self._roles(claims)))
        return Caller(tenant, f"oidc:{claims['sub']}", grant.all)

    def _tenant(self, claims: Mapping[str, Any]) -> str | None:
        told = self._settings.tenant or _at(claims, self._settings.tenant_claim)
        if self._settings.tenants and self._settings.tenant is None:
            told = self._settings.tenants.get(told) if isinstance(told, str) else None
        return told if isinstance(told, str) and _TENANT.fullmatch(told) else None

    def _roles(self, claims: Mapping[str, Any]) -> list[Role]:
        known = self._settings.roles or {role.value: role for role in Role}
        return [known[word] for word in _words(_at(claims, self._settings.roles_claim)) if word in known]

    def _scopes(self, claims: Mapping[str, Any]) -> list[Scope]:
        return [Scope(word) for word in _words(_at(claims, self._settings.scopes_claim)) if word in set(Scope)]


def _at(claims: Mapping[str, Any], path: str) -> object:
    """The claim of that name, whose name may hold dots, else what lies at the path."""
    if path in claims:
        return claims[path]
    found: object = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _words(claim: object) -> Sequence[str]:
    if isinstance(claim, str):
        return claim.split()
    return [word for word in claim if isinstance(word, str)] if isinstance(claim, list) else []
