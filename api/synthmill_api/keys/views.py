"""What clients say about keys, and what they see of them: never a secret but at its birth, never a hash."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from synthmill_api.auth.keys import KeyDocument, KeyState
from synthmill_api.auth.scopes import Grant, Role, Scope

MOST_OVERLAP_HOURS = 30 * 24
_Days = Annotated[float, Field(gt=0, le=3_650, strict=True)]


class KeyRequest(BaseModel):
    """A key that is wanted, with rights that the caller has itself."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "nightly", "roles": ["operator"], "days": 90}]}
    )

    name: Annotated[str, StringConstraints(max_length=200)] = Field("", description="to know it by in the list")
    scopes: list[Scope] = Field([], max_length=50)
    roles: list[Role] = Field([], max_length=10)
    days: _Days | None = Field(None, description="until it expires; none: never")

    @model_validator(mode="after")
    def _some_right(self) -> Self:
        if not self.scopes and not self.roles:
            raise ValueError("give scopes or roles")
        return self

    @property
    def grant(self) -> Grant:
        """What it may do."""
        return Grant(frozenset(self.scopes), frozenset(self.roles))


class RotationRequest(BaseModel):
    """How a key is rotated: a new one takes its place."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"overlap_hours": 24}]})

    overlap_hours: float = Field(
        24, ge=0, le=MOST_OVERLAP_HOURS, strict=True, description="so long the old key still opens"
    )
    days: _Days | None = Field(None, description="until the new one expires; none: as long as the old was to live")


class Key(BaseModel):
    """A key without its secret."""

    prefix: str = Field(description="the part before the dot, which is no secret")
    name: str
    state: KeyState
    scopes: list[Scope]
    roles: list[Role]
    created_at: datetime
    created_by: str | None = Field(description="prefix of the key that made it; none: the command line")
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="to a minute; none: never")
    successor: str | None = Field(description="prefix of the key that it was exchanged for")

    @classmethod
    def of(cls, document: KeyDocument) -> "Key":
        """What may be shown of a stored key."""
        return cls(**_shown(document))


class NewKey(Key):
    """A key at its birth."""

    key: str = Field(description="prefix.secret; shown this once, and kept nowhere")

    @classmethod
    def made(cls, document: KeyDocument, text: str) -> "NewKey":
        """With its text."""
        return cls(**_shown(document), key=text)


def _shown(document: KeyDocument) -> dict[str, object]:
    return {"state": document.state, **document.model_dump(exclude={"version", "for_tenant", "hash"})}
