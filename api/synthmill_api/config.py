"""The API's settings: `SYNTHMILL_API__…`; what it shares with other services is in `synthmill.settings`."""

from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict

from synthmill_api.auth.tokens import OidcSettings
from synthmill_api.quotas.limits import Limits


class ApiConfig(BaseSettings):
    """What can be set; addresses come from the command line."""

    model_config = SettingsConfigDict(
        env_prefix="SYNTHMILL_API__", env_nested_delimiter="__", extra="ignore", frozen=True
    )

    secret: SecretStr | None = Field(
        None, min_length=32, description="keys are stored hashed with it; default: a file in the data folder"
    )
    webhook_token: SecretStr | None = Field(
        None, min_length=32, description="opens /internal to Prefect's automations; none: they are refused"
    )
    max_source_bytes: int = Field(5 << 30, ge=1, description="the largest file that may be uploaded")
    max_body_bytes: int = Field(8 << 20, ge=1_024, description="the largest JSON body")
    model_urls: list[str] = Field([], description="base URLs that recipes may name; others are refused")
    model_key_variables: list[str] = Field([], description="what recipes may name as api_key_env")
    oidc: OidcSettings | None = Field(None, description="whose tokens are taken beside keys; none: nobody's")
    processes: int = Field(1, ge=1, description="API processes that share a tenant's request rate")
    quotas: Limits = Field(
        Limits(requests_per_second=10_000, burst=10_000), description="of tenants that have no limits of their own"
    )
    cors_origins: list[Annotated[str, StringConstraints(pattern=r"^https?://[^/*\s]+$")]] = Field(
        [], description="pages of these origins may call the API from a browser; none: no page may"
    )
    retry_after_seconds: int = Field(5, ge=1, description="told to clients when a server behind is down")
    drain_seconds: int = Field(20, ge=0, description="requests in hand may finish so long when stopping")
    streams: int = Field(20, ge=1, description="streams of events that a tenant may have open in one process")
    heartbeat_seconds: float = Field(15.0, gt=0, description="a stream is never silent for longer")
    stream_seconds: float = Field(900.0, gt=0, description="a stream ends then, and its key is asked for again")
