"""What clients say about a job, and what they see of it."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from synthmill.jobs.progress import Progress
from synthmill.jobs.status import Status
from synthmill.runs.prefect import run_link
from synthmill.settings import PrefectSettings
from synthmill_api.jobs.labels import labels_of
from synthmill_schemas.base import Name
from synthmill_schemas.budget import MaxTokens, MaxUsd
from synthmill_schemas.job import JobDocument, JobPurpose, JobState
from synthmill_schemas.recipe import Model

MOST_ROWS = 1_000
MOST_SOURCES = 100

_Label = Annotated[str, StringConstraints(max_length=256)]


class RecipeChoice(BaseModel):
    """A stored recipe."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    version: int | None = Field(None, ge=1, le=1_000_000_000, description="none: the last one")


class JobRequest(BaseModel):
    """A dataset that is wanted."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "stored_recipe": {"name": "product_copy"},
                    "sources": ["src_0d9c3d4b6d5b4a7f9a55e1f20b1c7a11"],
                    "records": 200,
                }
            ]
        },
    )

    recipe: dict[str, Any] | None = Field(None, description="a recipe, as for POST /v1/recipes; or `stored_recipe`")
    stored_recipe: RecipeChoice | None = None
    sources: list[Annotated[str, StringConstraints(max_length=64)]] = Field(
        [], max_length=MOST_SOURCES, description="ids of uploaded files"
    )
    rows: list[dict[str, JsonValue]] = Field([], max_length=MOST_ROWS, description="input rows, instead of a file")
    records: int | None = Field(None, ge=1, le=100_000_000, description="N; default: the recipe's")
    max_usd: MaxUsd | None = Field(None, description="dollars that its calls may cost; default: the recipe's")
    max_tokens: MaxTokens | None = Field(None, description="tokens that its calls may take; default: the recipe's")
    labels: dict[_Label, _Label] = Field({}, max_length=50, description="yours, shown again with the job")

    @model_validator(mode="after")
    def _one_recipe(self) -> Self:
        if (self.recipe is None) == (self.stored_recipe is None):
            raise ValueError("give either recipe or stored_recipe")
        return self


class JobSource(BaseModel):
    """A file that the job reads."""

    name: str
    size: int = Field(description="bytes")
    sha256: str
    seeds: int | None = Field(description="usable rows or chunks; none: not read yet")
    bad_rows: int | None = Field(description="rows left out, each a reject of class input")


class RevisionView(BaseModel):
    """Another model or other prompts, from a round on."""

    from_round: int
    recipe_hash: str = Field(description="records of these rounds carry it in their provenance")
    model: Model | None = Field(description="none: the recipe's")
    prompts: dict[str, str]
    at: datetime


class Job(BaseModel):
    """A job's document."""

    id: str
    dataset: str
    purpose: JobPurpose = Field(description="`quote`: its records only tell a quote, and are never released")
    state: JobState
    reason: str | None = Field(description="why it is blocked, failed or cancelled, and what to do")
    round: int
    records: int | None = Field(description="N; none: not known before the input is read")
    extended_from: list[int] = Field(description="what N was before each extension")
    recipe_hash: str
    revisions: list[RevisionView] = Field(description="another model or other prompts than the recipe's, by round")
    sources: list[JobSource]
    labels: dict[str, str]
    max_usd: float | None = Field(description="it pauses before a call that might pass it; none: not capped")
    max_tokens: int | None = Field(description="the same for tokens")
    flow_run_id: str | None = Field(description="its run in Prefect; none: there is none yet")
    flow_run_url: str | None = Field(description="where a person sees the run")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, document: JobDocument, prefect: PrefectSettings) -> "Job":
        """What a client sees of a job document."""
        return cls(**_common(document, prefect))


class RoundView(BaseModel):
    """One pass over slots that were open."""

    round: int
    accepted: int
    rejected: int = Field(description="answers that failed")
    llm_calls: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float = Field(description="of the calls whose cost is known")


class JobProgress(Job):
    """A job counted from its facts: requested = accepted + exhausted + parked + pending, at every moment."""

    requested: int = Field(description="0 while N is not known")
    accepted: int
    exhausted: int
    parked: int
    pending: int
    candidates: int = Field(description="answers that were judged, accepted ones included")
    rejects_by_class: dict[str, int]
    llm_calls: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None = Field(description="none: a provider did not say what a call cost")
    seconds: float = Field(description="from its creation to its last change")

    @classmethod
    def counted(cls, document: JobDocument, status: Status, prefect: PrefectSettings) -> "JobProgress":
        """Document and counts together."""
        common = {**_common(document, prefect), "state": status.state, "reason": status.reason, "round": status.round}
        return cls(
            **common,
            requested=status.requested,
            accepted=status.accepted,
            exhausted=status.exhausted,
            parked=status.parked,
            pending=status.pending,
            candidates=status.candidates,
            rejects_by_class=dict(status.rejects_by_class),
            llm_calls=status.llm_calls,
            prompt_tokens=status.tokens.prompt,
            completion_tokens=status.tokens.completion,
            cost_usd=status.cost_usd,
            seconds=status.seconds,
        )


class JobDetail(JobProgress):
    """The same with how fast it comes along, and its numbers by round and by class."""

    accepted_per_minute: float | None = Field(description="over the last five minutes at most; none: it does not run")
    eta_seconds: float | None = Field(
        description="until all are made, at this rate; none: nobody can know, for N is unknown, the job rests, or too "
        "few were accepted lately"
    )
    given_up_by_class: dict[str, int] = Field(description="exhausted and parked slots by their last reject")
    rounds: list[RoundView] = Field(description="what each round came to")

    @classmethod
    def told(cls, document: JobDocument, status: Status, progress: Progress, prefect: PrefectSettings) -> "JobDetail":
        """All of it together."""
        return cls(
            **dict(JobProgress.counted(document, status, prefect)),
            accepted_per_minute=progress.accepted_per_minute,
            eta_seconds=progress.eta_seconds,
            given_up_by_class=dict(progress.given_up_by_class),
            rounds=[RoundView(**asdict(each)) for each in progress.rounds],
        )


def _common(document: JobDocument, prefect: PrefectSettings) -> dict[str, Any]:
    run = document.flow_run_id
    return {
        "id": document.job_id,
        "dataset": document.dataset,
        "purpose": document.purpose,
        "state": document.state,
        "reason": document.reason,
        "round": document.round,
        "records": document.records,
        "extended_from": document.earlier_records,
        "recipe_hash": document.recipe_hash,
        "revisions": [RevisionView.model_validate(each.model_dump(exclude={"by"})) for each in document.revisions],
        "sources": [
            JobSource(name=s.key, size=s.size, sha256=s.sha256, seeds=s.seeds, bad_rows=s.bad_rows)
            for s in document.sources
        ],
        "labels": labels_of(document),
        "max_usd": document.budget and document.budget.max_usd,
        "max_tokens": document.budget and document.budget.max_tokens,
        "flow_run_id": run,
        "flow_run_url": None if run is None else run_link(prefect, run),
        "created_at": document.created_at,
        "updated_at": document.updated_at,
    }
