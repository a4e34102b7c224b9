"""The gateway's settings: `SYNTHMILL_GATEWAY__…`. Providers and models stand in the file that `file` names."""

import ipaddress
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from synthmill.errors import UserError


class GatewayConfig(BaseSettings):
    """What can be set; addresses come from the command line."""

    model_config = SettingsConfigDict(
        env_prefix="SYNTHMILL_GATEWAY__", env_ignore_empty=True, extra="ignore", frozen=True
    )

    file: Path | None = Field(None, description="gateway.yaml; without one every route of LiteLLM is served")
    state: Path | None = Field(None, description="file of the limits' counters; a day's dollars then outlive a restart")
    token: SecretStr | None = Field(None, description="bearer token every chat request has to carry")
    allow_anyone: bool = Field(False, description="listen beyond this machine without a token")
    timeout_seconds: float = Field(600, gt=0, description="until an upstream call is given up with 504")
    load_seconds: float = Field(120, gt=0, description="a request waits so long for LiteLLM to be loaded")
    drain_seconds: int = Field(10, ge=0, description="calls in flight may finish so long when stopping")

    def check_host(self, host: str) -> None:
        """Whoever reaches a gateway spends the providers' money. Raises UserError for an open door."""
        if self.token is None and not self.allow_anyone and not _is_loopback(host):
            raise UserError(
                f"{host} can be reached from other machines, and no SYNTHMILL_GATEWAY__TOKEN is set: whoever reaches "
                "the gateway could spend the providers' keys. Set the token, here and for the consumer, or "
                "SYNTHMILL_GATEWAY__ALLOW_ANYONE=true where the network itself keeps others out."
            )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
