"""Caps as clients change them, and a job's account as they see it."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from synthmill.jobs.spending import NOTHING, committed, held_by_others
from synthmill_schemas.budget import JobBudget, MaxTokens, MaxUsd, Price, PriceSource, SpendingDocument
from synthmill_schemas.job import JobDocument


class JobChange(BaseModel):
    """Other caps of a job; what is left out stays, null takes a cap away."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"max_tokens": 2_000_000}]})

    max_usd: MaxUsd | None = Field(None, description="dollars that its calls may cost in all")
    max_tokens: MaxTokens | None = Field(None, description="tokens that its calls may take in all, prompts included")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name max_usd or max_tokens")
        return self


class BudgetView(BaseModel):
    """A job's caps and its account: a call may be made while spent and reserved and its own estimate fit."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "max_usd": 5.0,
                    "max_tokens": None,
                    "price": {"input_per_million": 0.25, "output_per_million": 2.0},
                    "price_source": "litellm",
                    "used_up": False,
                    "spent_tokens": 81_200,
                    "spent_usd": 0.11,
                    "assumed_tokens": 1_300,
                    "assumed_usd": 0.002,
                    "reserved_tokens": 9_600,
                    "reserved_usd": 0.014,
                }
            ]
        }
    )

    max_usd: float | None = Field(description="none: dollars are not capped")
    max_tokens: int | None = Field(description="none: tokens are not capped")
    price: Price | None = Field(description="by which calls are reserved; none: unknown, only tokens can be capped")
    price_source: PriceSource | None
    used_up: bool = Field(description="it is paused because the next call did not fit: raise a cap to go on")
    spent_tokens: int = Field(description="assumed ones included")
    spent_usd: float
    assumed_tokens: int = Field(description="of calls that may have been paid and did not say how much")
    assumed_usd: float
    reserved_tokens: int = Field(description="by calls in flight")
    reserved_usd: float

    @classmethod
    def of(cls, job: JobDocument, account: SpendingDocument | None) -> "BudgetView":
        """Caps of the document, amounts of the account; without an account nothing was spent."""
        caps = job.budget or JobBudget()
        spent = NOTHING if account is None else committed(account)
        reported = NOTHING if account is None else account.reported
        held = NOTHING if account is None else held_by_others(account, "")
        return cls(
            max_usd=caps.max_usd,
            max_tokens=caps.max_tokens,
            price=caps.price,
            price_source=caps.price_source,
            used_up=job.paused_by == "budget",
            spent_tokens=spent.tokens,
            spent_usd=spent.usd,
            assumed_tokens=spent.tokens - reported.tokens,
            assumed_usd=max(0.0, spent.usd - reported.usd),
            reserved_tokens=held.tokens,
            reserved_usd=held.usd,
        )
