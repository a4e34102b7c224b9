"""A job: the message that announces it and the document that every service decides by."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from synthmill_schemas.base import (
    DEFAULT_TENANT,
    ColumnName,
    Contract,
    Count,
    JobId,
    JsonObject,
    Name,
    Round,
    Sha256,
    now,
)
from synthmill_schemas.budget import JobBudget
from synthmill_schemas.recipe import Model, Recipe


class JobState(StrEnum):
    """Where a job stands; it moves by compare-and-swap only."""

    CREATED = "created"  # staged, nothing sent
    PUBLISHING = "publishing"  # written before the send: from here on a message may be out
    PUBLISHED = "published"  # the broker confirmed the job message of this round
    PLANNED = "planned"  # all seeds stored, all generation requests of this round confirmed
    PAUSED = "paused"
    BLOCKED = "blocked"  # the provider refuses or cannot be reached; resume continues
    CANCELLED = "cancelled"
    COMPLETED = "completed"  # all N accepted
    COMPLETED_WITH_PARKED = "completed_with_parked"
    FAILED = "failed"  # a cap was reached or the input cannot serve; resume tries again


RUNNING_STATES = frozenset({JobState.PUBLISHING, JobState.PUBLISHED, JobState.PLANNED})
RESUMABLE_STATES = frozenset(
    {JobState.PAUSED, JobState.BLOCKED, JobState.CANCELLED, JobState.FAILED, JobState.COMPLETED_WITH_PARKED}
)


class JobMessage(Contract):
    """On the `jobs` queue: plan this round of this job. The document holds everything else."""

    kind: Literal["job"] = "job"
    version: Literal[1] = 1
    tenant: Name = DEFAULT_TENANT
    job_id: JobId
    round: Round = 1
    traceparent: str | None = None


class SeedCheckpoint(Contract):
    """How far a source is stored: its first rows gave so many seeds and bad rows; good only for the same `seed_set`."""

    seed_set: str
    seeds: Count
    bad_rows: Count
    first_reason: str = Field("", description="why the first of the bad rows is one")


class Source(Contract):
    """An uploaded file, or an inline list of rows staged as a JSONL file."""

    key: str = Field(description="the source's lasting name, e.g. products.csv")
    object_key: str = Field(description="where the temporary file lies in the object store")
    sha256: Sha256
    size: Count = Field(description="bytes")
    seed_set: str | None = Field(None, description="set when all its seeds are stored")
    seeds: Count | None = Field(None, description="how many seeds it gave")
    bad_rows: Count | None = Field(None, description="rows that became input rejects")
    checkpoint: SeedCheckpoint | None = Field(None, description="while its seeds are being stored")


class Lease(Contract):
    """Who may act on the job alone, and until when."""

    owner: str
    expires_at: datetime


class PlanCheckpoint(Contract):
    """How far the planner of this round came: all requests below `next_slot` are confirmed."""

    round: Round
    next_slot: Count


class Outputs(Contract):
    """A file that the job wrote for its user."""

    format: Literal["jsonl", "parquet", "csv"]
    path: str
    records: Count
    size: Count = Field(description="bytes")


class JobPurpose(StrEnum):
    """What a job's records are for."""

    DATASET = "dataset"  # to be released
    QUOTE = "quote"  # to learn what the whole would take; never released


class RefreshCheckpoint(Contract):
    """How far the seeds were compared; good only for the same base."""

    base: Count
    compared: Count = Field(description="seeds of the sources, in their order")
    chosen: Count = Field(description="of those, stored as new or changed")


class Refresh(Contract):
    """A job that makes records of new and changed seeds only; the worker fills in what it found."""

    base: Count | None = Field(None, description="the version that seeds were compared with; 0: there was none")
    seed_set: str | None = Field(None, description="the new and changed seeds, when they are not all there are")
    seeds: Count | None = Field(None, description="how many are new or changed")
    unchanged: Count = 0
    vanished: Count = Field(0, description="seeds of the base that no source has any more")
    checkpoint: RefreshCheckpoint | None = Field(None, description="while its seeds are being compared")


class StateChange(Contract):
    """A state that the job came into, or a round that it went on with."""

    n: int = Field(ge=1, description="1 for the first; stays with this change, however many are forgotten")
    state: JobState
    round: Round
    reason: str | None = None
    at: datetime


class Revision(Contract):
    """Another model or other prompts than the recipe's, from a round on; what was accepted before stays."""

    from_round: Round
    model: Model | None = Field(None, description="instead of the recipe's; none: the recipe's")
    prompts: dict[ColumnName, str] = Field(default_factory=dict, description="by llm column; others keep theirs")
    recipe_hash: Sha256 = Field(description="of the recipe with these in it; records of these rounds carry it")
    by: str = Field(description="which program it came by")
    at: datetime = Field(default_factory=now)


class JobDocument(Contract):
    """One execution of a recipe on sources."""

    version: Literal[1] = 1
    tenant: Name = DEFAULT_TENANT
    job_id: JobId
    dataset: Name
    recipe: Recipe
    recipe_hash: Sha256
    sources: list[Source] = Field(default_factory=list)
    records: int | None = Field(None, ge=1, description="N; known at the latest when planned")
    state: JobState = JobState.CREATED
    reason: str | None = Field(None, description="why it is blocked, failed or paused, and what to do")
    round: Round = 1
    round_scope: Literal["all", "mendable", "replayed"] = Field(
        "all", description="which exhausted slots this round tries again; replayed: those marked in the round before it"
    )
    max_attempts: int = Field(4, ge=1, le=20, description="of this round; lowered when max_candidates comes near")
    planner: Lease | None = None
    checkpoint: PlanCheckpoint | None = None
    flow_run_id: str | None = None
    flow: Lease | None = None
    continuations: Count = 0
    outputs: list[Outputs] = Field(default_factory=list)
    temporary_files: Literal["kept", "deleted"] = "kept"
    traceparent: str | None = Field(None, description="W3C trace context that all its messages go on with")
    labels: JsonObject = Field(default_factory=dict)
    about: str = Field("", description="what a person may look for: dataset, description, sources, labels")
    purpose: JobPurpose = JobPurpose.DATASET
    refresh: Refresh | None = None
    budget: JobBudget | None = Field(None, description="caps on what its calls may take; none: no caps")
    paused_by: Literal["budget"] | None = Field(None, description="while paused: what paused it, unless a person did")
    keyless: bool = Field(
        False, description="its client gave no Idempotency-Key: unanswered, it cannot ask for it again"
    )
    earlier_records: list[Annotated[int, Field(ge=1)]] = Field(
        default_factory=list, description="what N was before each time that it was extended, in order"
    )
    rounds_from: Round = Field(1, description="max_rounds counts from this round; that of the last extension at rest")
    revisions: list[Revision] = Field(
        default_factory=list, description="another model or other prompts from a round on; the last one counts"
    )
    history: list[StateChange] = Field(default_factory=list, description="the last changes of state, oldest first")
    untold: Count = Field(0, description="how many of them webhooks are still to be made of")
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)
