"""What a job may spend, and what it has spent: caps, prices and the account that calls are reserved in."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from synthmill_schemas.base import DEFAULT_TENANT, Contract, Count, JobId, Name

Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]
MaxUsd = Annotated[float, Field(gt=0, le=1_000_000_000, allow_inf_nan=False)]
MaxTokens = Annotated[int, Field(ge=1, le=1_000_000_000_000_000)]


class Price(Contract):
    """What a model's tokens cost, in US dollars."""

    input_per_million: Dollars
    output_per_million: Dollars


class Budget(Contract):
    """The most that a job's calls may take together; what is left out is not capped."""

    max_usd: MaxUsd | None = None
    max_tokens: MaxTokens | None = Field(None, description="prompt and completion tokens together")


class PriceSource(StrEnum):
    """Who says what a token costs."""

    RECIPE = "recipe"  # model.price
    OFFLINE = "offline"  # the pretended model is free
    LITELLM = "litellm"  # LiteLLM's price map, as installed


class JobBudget(Budget):
    """A job's caps, and the price by which calls are reserved."""

    price: Price | None = None
    price_source: PriceSource | None = None


class Amount(Contract):
    """Tokens and dollars."""

    tokens: Count = 0
    usd: Dollars = 0.0


class Holder(Contract):
    """What one consumer has reserved for calls in flight."""

    owner: str
    held: Amount
    until: Count = Field(description="seconds since 1970; silent until then, it is taken for dead")


class SpendingDocument(Contract):
    """A job's account, changed by compare-and-swap only; `_id` is `spending-{job id}`.

    A call may be made while reported + assumed + lost + what all hold + its own estimate stays within the caps.
    """

    version: Literal[1] = 1
    tenant: Name = DEFAULT_TENANT
    kind: Literal["spending"] = "spending"
    report_id: str
    job_id: JobId
    reported: Amount = Field(Amount(), description="what answers said that they took")
    assumed: Amount = Field(Amount(), description="estimates of calls that may have been paid but did not say how much")
    lost: Amount = Field(Amount(), description="what consumers that died had reserved; counted as spent")
    holders: list[Holder] = Field(default_factory=list)
    change: str = Field("", description="names the last change, so that who made it knows it again")
