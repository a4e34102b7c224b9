"""What a key may do, and who is calling with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from synthmill.errors import UserError


class Scope(StrEnum):
    """A right; each route needs exactly one."""

    SOURCES_READ = "sources:read"
    SOURCES_WRITE = "sources:write"
    RECIPES_READ = "recipes:read"
    RECIPES_WRITE = "recipes:write"
    JOBS_READ = "jobs:read"
    JOBS_WRITE = "jobs:write"
    RECORDS_READ = "records:read"
    QUOTAS_READ = "quotas:read"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever holds the key; the tenant comes from it and from nowhere else."""

    tenant: str
    key: str
    scopes: frozenset[Scope]


def read_scopes(words: Iterable[str]) -> frozenset[Scope]:
    """Scopes by name; `all` is every one there is. `UserError` for others."""
    names = [name.strip() for word in words for name in word.split(",") if name.strip()]
    if "all" in names:
        return frozenset(Scope)
    unknown = sorted(set(names) - set(Scope))
    if unknown or not names:
        raise UserError(f"{', '.join(unknown) or 'nothing'} is no scope; there are {', '.join(Scope)}, and all")
    return frozenset(Scope(name) for name in names)
