"""One tree of settings for every service, from `SYNTHMILL_…` variables with `__` between levels.

The Rust consumer reads the same names; `synthmill settings` shows them all, secrets hidden.
"""

from enum import StrEnum
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from pydantic import AmqpDsn, BaseModel, Field, HttpUrl, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Profile(StrEnum):
    """Which adapters stand behind the ports."""

    EMBEDDED = "embedded"
    STACK = "stack"


class GateRule(StrEnum):
    """For which jobs the release gate runs."""

    AUTO = "auto"  # on the stack all; embedded those whose recipe has a gate section
    ALWAYS = "always"


class WorkerSettings(BaseModel):
    """The worker: file to seeds to generation requests."""

    prefetch: int = Field(2, ge=1, le=100, description="jobs in hand at a time")
    chunk_rows: int = Field(500, ge=1, le=100_000, description="rows read, checked and stored at a time")
    publish_chunk: int = Field(100, ge=1, le=5_000, description="requests per confirmed chunk")
    lease_seconds: float = Field(10.0, gt=1, description="a dead planner is replaced after so long")
    unit_seconds: float = Field(
        180.0,
        gt=0,
        le=900,
        description="a job that takes longer to plan is planned in several deliveries of its message",
    )
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

    slots_at_once: int = Field(
        1_000, ge=0, le=10_000, description="a job without files of so many slots is planned while its client waits"
    )
    stall_seconds: float = Field(120.0, gt=0, description="no new fact for so long: publish the open slots again")
    resend_seconds: float = Field(60.0, gt=0, description="not planned for so long: send the job message again")
    reconcile_seconds: float = Field(
        15.0, gt=0, description="how often the worker looks after jobs that nobody follows"
    )
    sweep_seconds: float = Field(900.0, gt=0, description="how often the worker looks for files that nobody needs")
    temporary_file_hours: float = Field(24.0, gt=0)
    export_hours: float = Field(24.0, gt=0, le=24, description="how long an exported file can be fetched")
    flow_lease_seconds: float = Field(60.0, gt=1)
    outage_seconds: float = Field(
        1800.0, gt=0, description="a flow run waits so long for a store or broker that is away, then it fails"
    )
    gate: GateRule = Field(GateRule.AUTO, description="auto: on the stack always, else when the recipe has a gate")


class RabbitSettings(BaseModel):
    """The broker of the stack profile."""

    url: AmqpDsn | None = Field(
        None, description="amqp://USER:PASSWORD@HOST:PORT/VHOST, required on the stack; amqps:// for TLS"
    )
    ca_file: Path | None = Field(None, description="certificates to trust; default: the system's")
    prefix: str = Field("", pattern=r"^[A-Za-z0-9_.-]{0,60}$", description="before queue names, for a shared broker")
    heartbeat_seconds: int = Field(10, ge=2, le=600, description="a silent connection is given up after a few of them")
    confirm_seconds: float = Field(30.0, gt=0, description="how long a publish waits to be confirmed")


class ElasticSettings(BaseModel):
    """The record store of the stack profile."""

    url: HttpUrl = HttpUrl("http://127.0.0.1:29200")
    api_key: SecretStr | None = None
    ca_file: Path | None = Field(None, description="certificates to trust; default: the system's")
    prefix: str = Field("synthmill", pattern=r"^[a-z][a-z0-9_]{0,40}$", description="before index names")
    request_seconds: float = Field(30.0, gt=0, description="how long a request may take")


class MinioSettings(BaseModel):
    """The object store of the stack profile: MinIO, or anything that speaks S3."""

    endpoint: str = Field("127.0.0.1:29000", pattern=r"^[^/\s]+$", description="host:port")
    tls: bool = False
    ca_file: Path | None = Field(None, description="certificates to trust; default: the system's")
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None
    region: str = "us-east-1"
    path_style: bool = Field(True, description="bucket in the path; false: in the host name")
    public_endpoint: str | None = Field(
        None,
        pattern=r"^(https?://)?[^/\s]+$",
        description="the name that clients know, for URLs that are handed out; default: the endpoint",
    )
    bucket: str = Field("synthmill", pattern=r"^[a-z0-9][a-z0-9.-]{2,62}$")


class PrefectSettings(BaseModel):
    """The Prefect server that gets a flow run for each job; jobs do not need it to be up."""

    url: HttpUrl | None = Field(None, description="of its API, e.g. http://127.0.0.1:4200/api; none: no runs are made")
    auth: SecretStr | None = Field(None, description="user:password, if it wants one")
    ui_url: HttpUrl | None = Field(None, description="the name that people know; default: the API's without /api")
    deployment: str = Field("generate-dataset/default", pattern=r"^[^/\s]+/[^/\s]+$", description="what is run")
    request_seconds: float = Field(5.0, gt=0, description="how long a request may take")


class WebhookSettings(BaseModel):
    """How tenants' webhooks are served, by the worker."""

    allow: list[str] = Field([], description='networks inside that may be reached, e.g. ["10.1.0.0/16"]; also by http')
    ca_file: Path | None = Field(None, description="certificates of receivers to trust; default: the system's")
    poll_seconds: float = Field(2.0, gt=0, description="how often changes of jobs are looked for")
    timeout_seconds: float = Field(10.0, gt=0, description="how long a receiver may take to answer")
    concurrency: int = Field(16, ge=1, le=1_000, description="webhooks that are served at a time")

    @cached_property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """What `allow` names."""
        return tuple(ip_network(text) for text in self.allow)

    @field_validator("allow")
    @classmethod
    def _readable(cls, value: list[str]) -> list[str]:
        for text in value:
            ip_network(text)
        return value


class MonitoringSettings(BaseModel):
    """`/healthz`, `/readyz` and `/metrics`: the worker's and the consumer's own port; others serve them on theirs."""

    host: str = Field("127.0.0.1", description="where the worker and the consumer listen for probes")
    port: int | None = Field(None, ge=0, le=65_535, description="none: they do not listen; 0: any free one, logged")
    metrics: bool = Field(True, description="false: no service serves /metrics, which asks for no key")


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(env_prefix="SYNTHMILL_", env_nested_delimiter="__", extra="ignore")

    profile: Profile = Profile.EMBEDDED
    home: Path = Field(Path(".synthmill"), description="folder of the embedded profile")
    tenant: str = "default"
    api_url: HttpUrl | None = Field(None, description="where people reach the REST API, for links to it")
    worker: WorkerSettings = WorkerSettings()
    consumer: ConsumerSettings = ConsumerSettings()
    gateway: GatewaySettings = GatewaySettings()
    job: JobSettings = JobSettings()
    rabbitmq: RabbitSettings = RabbitSettings()
    elasticsearch: ElasticSettings = ElasticSettings()
    minio: MinioSettings = MinioSettings()
    prefect: PrefectSettings = PrefectSettings()
    webhooks: WebhookSettings = WebhookSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
