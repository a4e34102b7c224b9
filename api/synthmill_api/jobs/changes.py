"""What clients say to change a job that there is, and what they are told of it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from synthmill.jobs.replay import Replayed, ReplayOutcome
from synthmill.jobs.revise import Change
from synthmill.settings import PrefectSettings
from synthmill_api.jobs.views import Job
from synthmill_schemas.base import ColumnName
from synthmill_schemas.job import JobDocument
from synthmill_schemas.recipe import Model
from synthmill_schemas.slot import RejectClass

MOST_PROMPT_CHARACTERS = 100_000
_Prompt = Annotated[str, StringConstraints(min_length=1, max_length=MOST_PROMPT_CHARACTERS)]


class ExtendRequest(BaseModel):
    """More records of a job; those it has stay."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"records": 500}]})

    records: int = Field(ge=1, le=100_000_000, description="N in all; at least what the job has")


class RetryRequest(BaseModel):
    """Another round for slots that were given up, by another model or other prompts where these are given."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"classes": ["refusal", "schema"], "model": {"route": "openai/gpt-5-mini"}},
                {"prompts": {"description": "Describe {{ title }} in two plain sentences."}},
            ]
        },
    )

    classes: list[RejectClass] = Field([], max_length=20, description="why they were given up; none: for any reason")
    model: Model | None = Field(None, description="instead of the recipe's, as a recipe has it")
    prompts: dict[ColumnName, _Prompt] = Field(
        {}, max_length=500, description="other prompts by llm column; what is asked for stays the same"
    )

    @property
    def change(self) -> Change:
        """What is to be different."""
        return Change(self.model, self.prompts)


class Retry(BaseModel):
    """What a retry came to."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"outcome": "replayed", "slots": 12, "round": 5, "job": {"id": "…"}}]}
    )

    outcome: ReplayOutcome = Field(description="`already`: this retry is under way; `nothing`: no slot is meant")
    slots: int = Field(description="how many are tried again")
    round: int = Field(description="in which round")
    job: Job

    @classmethod
    def of(cls, replayed: Replayed, document: JobDocument, prefect: PrefectSettings) -> "Retry":
        """The outcome and the job as it is now."""
        job = Job.of(document, prefect)
        return cls(outcome=replayed.outcome, slots=replayed.slots, round=replayed.round, job=job)
