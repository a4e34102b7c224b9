"""A webhook, and one message that it is to be sent. Both lie among a tenant's reports."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from synthmill.ports.records import Collection, Place
from synthmill_schemas.base import Contract, Count, JobId, Name, now
from synthmill_schemas.job import JobState


class WebhookState(StrEnum):
    """Whether messages are made and sent."""

    LIVE = "live"
    DISABLED = "disabled"


class DeliveryState(StrEnum):
    """What became of a message."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"  # every try failed, or the receiver is gone for good; it can be sent again by hand


class Secret(Contract):
    """A secret that messages are signed with; `until`: it was replaced, and is used beside the new one till then."""

    text: str
    until: datetime | None = None


class WebhookDocument(Contract):
    """An address that wants to be told."""

    version: Literal[1] = 1
    kind: Literal["webhook"] = "webhook"
    tenant: Name
    webhook_id: str
    url: str
    description: str = ""
    job_id: JobId | None = Field(None, description="only this job's changes; none: those of all jobs")
    states: list[JobState] = Field(default_factory=list, description="only changes to one of these; none: all")
    secrets: list[Secret] = Field(description="the newest first; never told again")
    state: WebhookState = WebhookState.LIVE
    reason: str | None = Field(None, description="why it is disabled")
    failing_since: datetime | None = None
    created_at: datetime = Field(default_factory=now)

    def wants(self, job_id: str, state: JobState, at: datetime) -> bool:
        """Whether a change of a job is one of those to be told of."""
        mine = self.job_id in (None, job_id) and (not self.states or state in self.states)
        return mine and self.state is WebhookState.LIVE and at >= self.created_at


class DeliveryDocument(Contract):
    """A message and how far it came; `_id` is `delivery_id`, the same for every try and after every crash."""

    version: Literal[1] = 1
    kind: Literal["webhook_delivery"] = "webhook_delivery"
    tenant: Name
    delivery_id: str
    report_id: str = Field(description="id of its webhook; under a name that the store finds it by")
    job_id: JobId | None
    type: str = Field(description="e.g. job.completed")
    body: str = Field(description="what is signed and sent, to the byte")
    state: DeliveryState = DeliveryState.PENDING
    attempts: Count = 0
    at: datetime = Field(default_factory=now, description="when it is due; once decided, when that was")
    status: int | None = Field(None, description="of the last answer")
    error: str | None = Field(None, description="why the last try failed")
    created_at: datetime = Field(default_factory=now)


def webhooks_of(tenant: str) -> Place:
    """Where a tenant's webhooks and their messages lie."""
    return Place(tenant, Collection.REPORTS)
