"""The form of `gateway.yaml`. Keys of providers stay outside: it names the variable or file that holds one."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from synthmill_gateway.failures import TRANSIENT, Failure

ProviderName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}$")]
Dollars = Annotated[Decimal, Field(ge=0, le=1_000_000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Limits(_Part):
    """Upper bounds of this installation; none where left out. Those of a provider hold for its models together."""

    concurrent: int | None = Field(None, ge=1, le=100_000, description="calls at a time")
    requests_per_minute: float | None = Field(None, gt=0)
    input_tokens_per_minute: float | None = Field(None, gt=0)
    output_tokens_per_minute: float | None = Field(None, gt=0)
    dollars_per_day: Dollars | None = Field(None, gt=0, description="from midnight to midnight UTC")


class Provider(_Part):
    """Whom to call, and with which key."""

    kind: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$", description="LiteLLM's name: openai, anthropic, azure, …")
    api_base: str | None = Field(None, pattern=r"^https?://", description="default: the provider's own address")
    api_key_env: str | None = Field(None, pattern=r"^[A-Z][A-Z0-9_]*$", description="variable that holds the key")
    api_key_file: Path | None = Field(None, description="file that holds the key; read again on reload")
    api_version: str | None = Field(None, min_length=1, description="Azure's")
    region: str | None = Field(None, min_length=1, description="of Bedrock and Vertex AI")
    project: str | None = Field(None, min_length=1, description="of Vertex AI")
    organization: str | None = Field(None, min_length=1, description="OpenAI's")
    timeout_seconds: float | None = Field(
        None, gt=0, le=3_600, description="default: SYNTHMILL_GATEWAY__TIMEOUT_SECONDS"
    )
    limits: Limits = Limits()


class Price(_Part):
    """Dollars per million tokens, instead of LiteLLM's price map."""

    input_per_million: Dollars
    output_per_million: Dollars
    cached_input_per_million: Dollars | None = Field(None, description="default: input_per_million")


class Model(_Part):
    """A public name: what stands behind it and what a request may ask of it."""

    provider: str
    model: str = Field(min_length=1, max_length=300, description="the provider's own name of it")
    defaults: dict[str, JsonValue] = Field(default_factory=dict, description="parameters that a request leaves out")
    allow: list[str] = Field(default_factory=list, description="parameters beside those of OpenAI's chat API")
    forbid: list[str] = Field(default_factory=list, description="parameters that a request may not set")
    price: Price | None = None
    context_tokens: int | None = Field(None, ge=1, description="prompts that cannot fit are refused unpaid")
    fallbacks: list[str] = Field(default_factory=list, description="public names, tried in this order")
    fallback_on: list[Failure] = Field(default=list(TRANSIENT))
    limits: Limits = Limits()


class GatewayFile(_Part):
    """The whole file."""

    version: Literal[1]
    offline: bool = Field(False, description="serve offline/fake-1, the pretended model")
    ca_file: Path | None = Field(None, description="certificates to trust beside the public ones, for all providers")
    providers: dict[ProviderName, Provider] = Field(default_factory=dict)
    models: dict[ModelName, Model] = Field(default_factory=dict)
