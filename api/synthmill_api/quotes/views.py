"""What clients ask a quote for, and what they are told."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from synthmill_api.jobs.views import MOST_ROWS, MOST_SOURCES, JobRequest, RecipeChoice
from synthmill_schemas.budget import Price
from synthmill_schemas.job import JobDocument, JobState
from synthmill_schemas.quote import Interval, QuoteReport

MOST_SLOTS = 100


class QuoteRequest(BaseModel):
    """A dataset whose price is wanted; a few of its slots are really made, and paid."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "recipe": {
                        "version": 1,
                        "name": "reviews",
                        "target": {"records": 5_000},
                        "model": {"route": "offline/fake-1"},
                        "columns": [{"kind": "llm", "name": "review", "prompt": "Review a city bike."}],
                    },
                    "slots": 20,
                }
            ]
        },
    )

    recipe: dict[str, Any] | None = Field(None, description="as for POST /v1/jobs; or `stored_recipe`")
    stored_recipe: RecipeChoice | None = None
    sources: list[Annotated[str, StringConstraints(max_length=64)]] = Field(
        [], max_length=MOST_SOURCES, description="ids of uploaded files"
    )
    rows: list[dict[str, JsonValue]] = Field([], max_length=MOST_ROWS, description="input rows, instead of a file")
    records: int | None = Field(None, ge=1, le=100_000_000, description="N of the whole; default: the recipe's")
    slots: int = Field(10, ge=2, le=MOST_SLOTS, description="how many slots are made to reckon from")

    @model_validator(mode="after")
    def _one_recipe(self) -> Self:
        self.order()
        return self

    def order(self) -> JobRequest:
        """The whole job that the quote is for."""
        return JobRequest(**self.model_dump(exclude={"slots"}))


class Quote(BaseModel):
    """A quote: where it stands, and what the whole would take once that can be told."""

    id: str
    dataset: str
    state: JobState = Field(description="of the small job; its numbers are there once it has ended")
    reason: str | None = Field(description="why it is blocked, paused or failed, and what to do")
    slots: int | None = Field(description="how many were tried; none: not known yet")
    records: int | None = Field(description="N, for which it is reckoned; none: not known yet")
    accepted: int | None = None
    candidates: int | None = Field(None, description="tries, failed ones included")
    llm_calls: int | None = None
    acceptance: Interval | None = Field(None, description="share of tries that are accepted")
    prompt_tokens: Interval | None = Field(None, description="of the whole")
    completion_tokens: Interval | None = Field(None, description="of the whole")
    cost_usd: Interval | None = Field(None, description="of the whole; none: a call did not say what it cost")
    cost_usd_per_record: Interval | None = None
    seconds: Interval | None = Field(None, description="of one consumer with nothing else to do")
    price: Price | None = Field(None, description="of the model's tokens, where it is known")
    price_source: str | None = Field(
        None, description="who said what calls cost: provider, recipe, litellm; offline is free"
    )
    method: str | None = Field(None, description="how the intervals were reckoned; each holds in 19 of 20 cases")

    @classmethod
    def of(cls, job: JobDocument, report: QuoteReport | None) -> "Quote":
        """The small job, and what was reckoned from it."""
        told = {} if report is None else report.model_dump(include=set(cls.model_fields) - {"dataset"})
        wanted = job.labels.get("quote_records")
        common: dict[str, Any] = {
            "id": job.job_id,
            "dataset": str(job.labels.get("quote_of", job.dataset)),
            "state": job.state,
            "reason": job.reason,
            "slots": job.records,
            "records": wanted if isinstance(wanted, int) else None,
        }
        return cls(**{**common, **told})
