"""What stands behind a public name: the route and keywords of LiteLLM's call, and the rules and limits for it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from synthmill_gateway.catalog.checks import OFFLINE
from synthmill_gateway.catalog.file import GatewayFile, Model, Price, Provider
from synthmill_gateway.catalog.rules import CHAT, COMMON, FREE, Rules
from synthmill_gateway.errors import GatewayError
from synthmill_gateway.failures import Failure
from synthmill_gateway.limits import Scope

OFFLINE_MODEL = f"{OFFLINE}/fake-1"

_MOST_LISTED = 20
_OWN_CREDENTIALS = frozenset({"azure", "azure_ai", "bedrock", "bedrock_converse", "sagemaker", "vertex_ai"})
"""Providers whose libraries find credentials by themselves, from a role or a metadata service."""

_NO_KEY = "none"  # without any, LiteLLM would send a key of its own environment to whatever api_base names


@dataclass(frozen=True, slots=True)
class Target:
    """One model that can be called. `options` are LiteLLM's keywords, the key among them."""

    name: str
    route: str
    provider: str | None = None  # its name in the file
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    rules: Rules = FREE
    price: Price | None = None
    context_tokens: int | None = None
    fallbacks: tuple[str, ...] = ()
    fallback_on: frozenset[Failure] = frozenset()
    scopes: tuple[Scope, ...] = ()

    @property
    def offline(self) -> bool:
        """Answered by the pretended model."""
        return self.route.startswith(f"{OFFLINE}/")


class Catalog:
    """The named models of a file."""

    def __init__(self, file: GatewayFile, targets: Mapping[str, Target]) -> None:
        self.file = file
        self._targets = targets

    def find(self, name: str) -> Target:
        """The model of that name. Raises GatewayError 404 with the names that exist."""
        target = self._targets.get(name)
        if target is None:
            raise GatewayError(404, f"there is no model {name!r} here; {self._known(name)}", code="model_not_found")
        return target

    def targets(self) -> Sequence[Target]:
        """All, in the file's order."""
        return list(self._targets.values())

    def _known(self, name: str) -> str:
        close = get_close_matches(name, self._targets, n=1)
        listed = ", ".join(list(self._targets)[:_MOST_LISTED])
        more = ", …" if len(self._targets) > _MOST_LISTED else ""
        guess = f"did you mean {close[0]!r}? " if close else ""
        return f"{guess}names: {listed}{more}"


def catalog_of(file: GatewayFile, environment: Mapping[str, str] = os.environ) -> Catalog:
    """The catalog of a file that was checked; keys are read here. Raises OSError when a key's file is gone."""
    targets = {name: _target(name, model, file, environment) for name, model in file.models.items()}
    if file.offline:
        targets[OFFLINE_MODEL] = Target(OFFLINE_MODEL, OFFLINE_MODEL, OFFLINE, rules=_offline_rules())
    return Catalog(file, targets)


def _target(name: str, model: Model, file: GatewayFile, environment: Mapping[str, str]) -> Target:
    provider = file.providers[model.provider]
    limited = [(f"model {name}", model.limits), (f"provider {model.provider}", provider.limits)]
    return Target(
        name=name,
        route=f"{provider.kind}/{model.model}",
        provider=model.provider,
        options={} if provider.kind == OFFLINE else _options(provider, environment),
        rules=_rules(model, provider),
        price=model.price,
        context_tokens=model.context_tokens,
        fallbacks=tuple(model.fallbacks),
        fallback_on=frozenset(model.fallback_on),
        scopes=tuple(Scope(label, limits) for label, limits in limited if limits.model_fields_set),
    )


def _rules(model: Model, provider: Provider) -> Rules:
    ours = {"offline"} if provider.kind == OFFLINE else set()
    return Rules(
        allowed=CHAT | ours | set(model.allow),
        forbidden=frozenset(model.forbid),
        defaults=model.defaults,
        remedy="leave it out, or have it allowed for this model in the gateway's file",
    )


def _offline_rules() -> Rules:
    return Rules(CHAT | COMMON, frozenset(), {}, "leave it out")


def _options(provider: Provider, environment: Mapping[str, str]) -> dict[str, Any]:
    given = {
        "api_base": provider.api_base,
        "api_key": _key(provider, environment),
        "api_version": provider.api_version,
        "organization": provider.organization,
        "timeout": provider.timeout_seconds,
        "aws_region_name": provider.region if provider.kind.startswith(("bedrock", "sagemaker")) else None,
        "vertex_location": provider.region if provider.kind.startswith("vertex_ai") else None,
        "vertex_project": provider.project if provider.kind.startswith("vertex_ai") else None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _key(provider: Provider, environment: Mapping[str, str]) -> str | None:
    if provider.api_key_file is not None:
        return provider.api_key_file.read_text(encoding="utf-8").strip()
    if provider.api_key_env is not None:
        return environment[provider.api_key_env].strip()
    return None if provider.kind in _OWN_CREDENTIALS or provider.api_base is None else _NO_KEY
