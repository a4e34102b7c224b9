"""The gateway's settings: `SYNTHMILL_GATEWAY__…`. Providers' keys are read by LiteLLM from its own variables."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class GatewayConfig(BaseSettings):
    """What can be set; addresses come from the command line."""

    model_config = SettingsConfigDict(env_prefix="SYNTHMILL_GATEWAY__", extra="ignore", frozen=True)

    token: SecretStr | None = Field(None, description="bearer token every chat request has to carry")
    timeout_seconds: float = Field(600, gt=0, description="until an upstream call is given up with 504")
    load_seconds: float = Field(120, gt=0, description="a request waits so long for LiteLLM to be loaded")
    drain_seconds: int = Field(10, ge=0, description="calls in flight may finish so long when stopping")
