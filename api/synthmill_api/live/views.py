"""What a stream says beside a job's events and numbers."""

from datetime import datetime

from pydantic import BaseModel, Field

from synthmill_schemas.job import JobState, StateChange


class StateChanged(BaseModel):
    """A state that the job came into."""

    n: int = Field(description="1 for its first state; a number is never given twice")
    state: JobState
    round: int
    reason: str | None
    at: datetime

    @classmethod
    def of(cls, change: StateChange) -> "StateChanged":
        """From the job's document."""
        return cls(**change.model_dump())


class End(BaseModel):
    """Nothing more comes, unless somebody resumes the job."""

    job_id: str
    state: JobState
    reason: str | None
