"""What a key may do, by scopes and by roles, which are named sets of scopes; and who is calling with it."""

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
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"


class Role(StrEnum):
    """What people do; a key with a role gets the scopes that the role has when the key is used."""

    VIEWER = "viewer"  # looks at everything but keys
    EDITOR = "editor"  # also prepares: sources and recipes
    OPERATOR = "operator"  # also spends: makes, stops and resumes jobs
    ADMIN = "admin"  # also makes and revokes the tenant's keys


_VIEWER = frozenset(
    {Scope.SOURCES_READ, Scope.RECIPES_READ, Scope.JOBS_READ, Scope.RECORDS_READ, Scope.QUOTAS_READ},
)
_EDITOR = _VIEWER | {Scope.SOURCES_WRITE, Scope.RECIPES_WRITE}
ROLES: dict[Role, frozenset[Scope]] = {
    Role.VIEWER: _VIEWER,
    Role.EDITOR: _EDITOR,
    Role.OPERATOR: _EDITOR | {Scope.JOBS_WRITE},
    Role.ADMIN: frozenset(Scope),
}


@dataclass(frozen=True, slots=True)
class Grant:
    """Single scopes, and roles."""

    scopes: frozenset[Scope] = frozenset()
    roles: frozenset[Role] = frozenset()

    @property
    def all(self) -> frozenset[Scope]:
        """Every scope that it comes to."""
        return self.scopes.union(*(ROLES[role] for role in self.roles))


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever holds the key or token; the tenant comes from it and from nowhere else."""

    tenant: str
    key: str
    scopes: frozenset[Scope]


def read_grant(words: Iterable[str]) -> Grant:
    """Scopes and roles by name; `all` is every scope there is. `UserError` for others."""
    names = {name.strip() for word in words for name in word.split(",") if name.strip()}
    if "all" in names:
        return Grant(frozenset(Scope))
    unknown = sorted(names - set(Scope) - set(Role))
    if unknown or not names:
        known = ", ".join([*Role, *Scope])
        raise UserError(f"{', '.join(unknown) or 'nothing'} is no scope or role; there are {known}, and all")
    return Grant(frozenset(map(Scope, names & set(Scope))), frozenset(map(Role, names & set(Role))))
