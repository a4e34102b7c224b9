"""What clients say about refreshes and schedules, and what they see of them and of runs."""

from datetime import datetime
from typing import Annotated, Any, Self
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator
from pydantic.config import JsonDict

from synthmill.runs.prefect import RunState, run_link
from synthmill.runs.recurring import Refreshing, RunSeen, Schedule
from synthmill.settings import PrefectSettings

_Recipe = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}(@[1-9][0-9]{0,8})?$")]
_Source = Annotated[str, StringConstraints(min_length=1, max_length=255)]

_REFRESH: JsonDict = {"recipe": "product_copy", "source": "products.csv"}
_RUN: JsonDict = {
    "id": "0b9cfb1e-6cbc-4a0e-8a54-0a6c1f0a7d11",
    "name": "refresh product_copy",
    "state": "RUNNING",
    "state_name": "Running",
    "message": "",
    "recipe": "product_copy",
    "source": "products.csv",
    "job_id": "0b9cfb1e-6cbc-4a0e-8a54-0a6c1f0a7d11",
    "url": "http://prefect.example.com/runs/flow-run/0b9cfb1e-6cbc-4a0e-8a54-0a6c1f0a7d11",
    "created_at": "2026-11-23T07:24:04Z",
    "started_at": "2026-11-23T07:24:09Z",
    "ended_at": None,
}


class RefreshRequest(BaseModel):
    """A dataset that is to be brought up to its source."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_REFRESH]})

    recipe: _Recipe = Field(description="a stored recipe: `name`, or `name@version`")
    source: _Source = Field(description="name of an uploaded file; its newest upload is read")
    allow_parked: bool = Field(False, description="release though some slots were taken out with evidence")

    @property
    def what(self) -> Refreshing:
        """As the flow is told."""
        return Refreshing(self.recipe, self.source, self.allow_parked)


class ScheduleRequest(RefreshRequest):
    """The same by the clock: either `cron` or `interval_seconds`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{**_REFRESH, "cron": "0 2 * * *", "timezone": "Europe/Berlin"}]},
    )

    cron: Annotated[str, StringConstraints(pattern=r"^\S+( \S+){4}$", max_length=100)] | None = None
    interval_seconds: int | None = Field(None, ge=60, le=366 * 86_400)
    timezone: str = Field("UTC", max_length=64, description="a name of the IANA database; summer time is kept")

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("no such time zone; e.g. Europe/Berlin")
        return value

    @model_validator(mode="after")
    def _one_clock(self) -> Self:
        if (self.cron is None) == (self.interval_seconds is None):
            raise ValueError("give either cron or interval_seconds")
        return self

    @property
    def when(self) -> dict[str, Any]:
        """As Prefect has it."""
        if self.cron is not None:
            return {"cron": self.cron, "timezone": self.timezone, "day_or": True}
        return {"interval": self.interval_seconds, "timezone": self.timezone}


class ScheduleView(BaseModel):
    """A schedule of a refresh."""

    id: str
    recipe: str
    source: str
    allow_parked: bool
    active: bool = Field(description="false: it rests until it is resumed")
    cron: str | None
    interval_seconds: int | None
    timezone: str
    created_at: datetime

    @classmethod
    def of(cls, schedule: Schedule) -> "ScheduleView":
        """From Prefect's."""
        what = schedule.what
        return cls(
            id=schedule.id,
            recipe=what.recipe,
            source=what.source,
            allow_parked=what.allow_parked,
            active=schedule.active,
            cron=schedule.cron,
            interval_seconds=schedule.interval_seconds,
            timezone=schedule.timezone,
            created_at=schedule.created_at,
        )


class Run(BaseModel):
    """A run in Prefect."""

    model_config = ConfigDict(json_schema_extra={"examples": [_RUN]})

    id: str
    name: str
    state: RunState
    state_name: str = Field(description="Prefect's own name, e.g. NothingNew")
    message: str
    recipe: str | None = Field(description="none: a run of a job that was ordered by its id")
    source: str | None
    job_id: str = Field(description="its job, once it has staged one")
    url: str | None = Field(description="where a person sees the run")
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, run: RunSeen, prefect: PrefectSettings) -> "Run":
        """From Prefect's."""
        order = run.order
        return cls(
            id=run.id,
            name=run.name,
            state=run.state,
            state_name=run.state_name,
            message=run.message,
            recipe=order.get("recipe") or None,
            source=order.get("location") or None,
            job_id=str(order.get("job_id") or run.id),
            url=run_link(prefect, run.id),
            created_at=run.created_at,
            started_at=run.started_at,
            ended_at=run.ended_at,
        )
