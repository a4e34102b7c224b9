"""What clients say about a webhook, and what they see of it and of its messages."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.config import JsonDict

from synthmill.webhooks.documents import DeliveryDocument, DeliveryState, WebhookDocument, WebhookState
from synthmill_schemas.base import JobId
from synthmill_schemas.job import JobState

Url = Annotated[str, StringConstraints(min_length=1, max_length=2_048)]
_Description = Annotated[str, StringConstraints(max_length=256)]
_States = Annotated[list[JobState], Field(max_length=len(JobState))]

_EXAMPLE: JsonDict = {
    "id": "wh_5f1c0d9c3d4b6d5b4a7f9a55e1f20b1c",
    "url": "https://example.com/synthmill",
    "description": "tells the team",
    "job_id": None,
    "states": ["completed", "failed", "blocked"],
    "state": "live",
    "reason": None,
    "failing_since": None,
    "created_at": "2026-11-23T07:24:04Z",
}


class WebhookRequest(BaseModel):
    """An address that wants to be told."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"url": "https://example.com/synthmill", "states": ["completed", "failed", "blocked"]}]
        },
    )

    url: Url = Field(description="https; an address inside of this network is refused")
    description: _Description = ""
    job_id: JobId | None = Field(None, description="only this job's changes; none: those of all jobs")
    states: _States = Field([], description="only changes to one of these; none: all")


class WebhookChange(BaseModel):
    """What is to be otherwise; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"enabled": True}]})

    url: Url | None = None
    description: _Description | None = None
    states: _States | None = None
    enabled: bool | None = Field(None, description="true lets a webhook that was disabled go on")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("say what is to be changed")
        return self


class Webhook(BaseModel):
    """A webhook, without its secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    url: str
    description: str
    job_id: str | None
    states: list[JobState]
    state: WebhookState
    reason: str | None = Field(description="why it is disabled")
    failing_since: datetime | None = Field(description="since when no message was taken; none: the last one was")
    created_at: datetime

    @classmethod
    def of(cls, document: WebhookDocument) -> "Webhook":
        """From a stored webhook."""
        return cls(**_common(document))


class NewSecret(Webhook):
    """A webhook with its secret, which no other answer tells."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_EXAMPLE, "secret": "whsec_(base64 of 32 bytes)"}]})

    secret: str = Field(description="keep it: messages are signed with it, by HMAC-SHA256 after Standard Webhooks")

    @classmethod
    def of(cls, document: WebhookDocument) -> "NewSecret":
        """From a webhook whose newest secret was made just now."""
        return cls(**_common(document), secret=document.secrets[0].text)


class Delivery(BaseModel):
    """A message and how far it came."""

    id: str = Field(description="the `webhook-id` that it carries, the same at every try")
    type: str = Field(description="job.<state>, or webhook.test")
    job_id: str | None
    state: DeliveryState
    attempts: int
    at: datetime = Field(description="when it is due next; once decided, when that was")
    status: int | None = Field(description="of the receiver's last answer; none: it gave none")
    error: str | None = Field(description="why the last try failed")
    body: str = Field(description="what is signed and sent")
    created_at: datetime

    @classmethod
    def of(cls, document: DeliveryDocument) -> "Delivery":
        """From a stored message."""
        kept = document.model_dump(include=set(cls.model_fields))
        return cls(id=document.delivery_id, **kept)


def _common(document: WebhookDocument) -> dict[str, Any]:
    return {"id": document.webhook_id, **document.model_dump(include=set(Webhook.model_fields))}
