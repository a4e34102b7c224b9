"""One tree of settings for every service, from `SYNTHMILL_…` variables with `__` between levels.

The Rust consumer reads the same names; `synthmill settings` shows them all, secrets hidden.
"""

from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, Field, HttpUrl
from pydantic_settings import BaseSettings, SettingsConfigDict


class Profile(StrEnum):
    """Which adapters stand behind the ports."""

    EMBEDDED = "embedded"
    STACK = "stack"


class WorkerSettings(BaseModel):
    """The worker: file to seeds to generation requests."""

    prefetch: int = Field(2, ge=1, le=100, description="jobs in hand at a time")
    chunk_rows: int = Field(500, ge=1, le=100_000, description="rows read, checked and stored at a time")
    publish_chunk: int = Field(100, ge=1, le=5_000, description="requests per confirmed chunk")
    lease_seconds: float = Field(10.0, gt=1, description="a dead planner is replaced after so long")
    max_row_bytes: int = Field(1 << 20, ge=1_024, description="longer rows become input rejects")


class ConsumerSettings(BaseModel):
    """The consumer and the bridge that feeds it in the embedded profile."""

    prefetch: int = Field(128, ge=1, le=10_000, description="unsettled generation requests in the consumer")
    concurrency: int = Field(64, ge=1, le=4_096, description="LLM calls in flight at most")
    unreachable_seconds: float = Field(30.0, gt=0, description="until a job is blocked")
    program: str | None = Field(None, description="path of synthmill-consumer; default: found beside the package")


class GatewaySettings(BaseModel):
    """Where the consumer finds the gateway; started on a free port when absent (embedded)."""

    url: HttpUrl | None = None


class JobSettings(BaseModel):
    """Limits of a job's life."""

    stall_seconds: float = Field(120.0, gt=0, description="no new fact for so long: publish the open slots again")
    resend_seconds: float = Field(60.0, gt=0, description="not planned for so long: send the job message again")
    temporary_file_hours: float = Field(24.0, gt=0)
    flow_lease_seconds: float = Field(60.0, gt=1)


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(env_prefix="SYNTHMILL_", env_nested_delimiter="__", extra="ignore")

    profile: Profile = Profile.EMBEDDED
    home: Path = Field(Path(".synthmill"), description="folder of the embedded profile")
    tenant: str = "default"
    worker: WorkerSettings = WorkerSettings()
    consumer: ConsumerSettings = ConsumerSettings()
    gateway: GatewaySettings = GatewaySettings()
    job: JobSettings = JobSettings()
