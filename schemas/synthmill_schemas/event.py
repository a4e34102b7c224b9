"""Events: what services log, monitor and report as progress, in one shape."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from synthmill_schemas.base import DEFAULT_TENANT, Contract, JobId, JsonObject, Name, now


class Level(StrEnum):
    """How much an event matters."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class EventDocument(Contract):
    """Something that happened; `_id` is `event_id`, chosen so that saying it twice stores it once."""

    version: Literal[1] = 1
    tenant: Name = DEFAULT_TENANT
    event_id: str
    job_id: JobId | None = None
    service: Literal["cli", "api", "worker", "consumer", "bridge", "gateway", "flow", "reconcile"]
    name: str = Field(pattern=r"^[a-z][a-z0-9_.]*$", description="e.g. job.planned, progress, provider.saturated")
    level: Level = Level.INFO
    message: str = Field(description="reads alone, ids included")
    fields: JsonObject = Field(default_factory=dict, description="unit in the name: seconds, bytes, usd")
    at: datetime = Field(default_factory=now)
