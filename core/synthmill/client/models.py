"""What the answers hold. Fields that this client does not know yet are left out, so that it outlives a newer API.

Held to the OpenAPI document by `tests/unit/client/test_models.py`; states and formats are those of the contracts.
"""

from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from synthmill_schemas.event import Level
from synthmill_schemas.file_export import ExportState
from synthmill_schemas.job import RUNNING_STATES, JobPurpose, JobState
from synthmill_schemas.slot import RejectClass

T = TypeVar("T")

_GOING = RUNNING_STATES | {JobState.CREATED}


class Answer(BaseModel):
    """Base: frozen, and blind to what is new."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Page(Answer, Generic[T]):
    """One page; `cursor` leads to the next."""

    items: list[T]
    total: int
    cursor: str | None


class Source(Answer):
    """An uploaded file."""

    id: str
    name: str
    kind: str
    size: int
    sha256: str
    created_at: datetime


class RecipeVersion(Answer):
    """A stored recipe, without what it says."""

    name: str
    version: int
    recipe_hash: str
    description: str | None
    created_at: datetime


class StoredRecipe(RecipeVersion):
    """A stored recipe."""

    recipe: dict[str, Any]


class Job(Answer):
    """A job."""

    id: str
    dataset: str
    state: JobState
    reason: str | None
    round: int
    records: int | None
    purpose: JobPurpose = JobPurpose.DATASET  # an API that has no quotes does not say
    labels: dict[str, str]
    flow_run_url: str | None
    created_at: datetime
    updated_at: datetime

    @property
    def rests(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.state not in _GOING


class JobProgress(Job):
    """A job in numbers: requested = accepted + exhausted + parked + pending."""

    requested: int
    accepted: int
    exhausted: int
    parked: int
    pending: int
    candidates: int
    rejects_by_class: dict[str, int]
    llm_calls: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    seconds: float


class RecordItem(Answer):
    """A record."""

    id: str
    slot: int
    data: dict[str, Any]


class RecordPage(Page[RecordItem]):
    """A page of records, with counts by value of the fields that were asked for."""

    facets: dict[str, dict[str, int]]


class Reject(Answer):
    """A failed attempt, or a row that was left out."""

    id: str
    record_id: str | None
    round: int
    attempt: int
    reject_class: RejectClass
    reason: str
    raw: str | None
    cost_usd: float | None
    at: datetime


class Event(Answer):
    """Something that happened to a job."""

    id: str
    service: str
    name: str
    level: Level
    message: str
    fields: dict[str, Any]
    at: datetime


class StateChanged(Answer):
    """A state that the job came into."""

    n: int
    state: JobState
    round: int
    reason: str | None
    at: datetime


class End(Answer):
    """The end of a stream: the job goes no further by itself."""

    job_id: str
    state: JobState
    reason: str | None


class Export(Answer):
    """A file of a job's records."""

    id: str
    job_id: str
    state: ExportState
    reason: str | None
    file_name: str
    records: int | None
    size: int | None
    sha256: str | None


class Estimate(Answer):
    """A value, and where it lies in 19 of 20 cases."""

    expected: float
    low: float
    high: float


class Quote(Answer):
    """What a whole dataset would take, once the few slots that tell it are made."""

    id: str
    dataset: str
    state: JobState
    reason: str | None
    slots: int | None
    records: int | None
    accepted: int | None = None
    acceptance: Estimate | None = None
    prompt_tokens: Estimate | None = None
    completion_tokens: Estimate | None = None
    cost_usd: Estimate | None = None
    seconds: Estimate | None = None

    @property
    def rests(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.state not in _GOING


Told = StateChanged | Event | JobProgress | End
"""What `follow` gives, in order."""
