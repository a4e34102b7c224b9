"""A quote: what a whole dataset would take, reckoned from a few of its slots."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from synthmill_schemas.base import DEFAULT_TENANT, Contract, Count, JobId, Name, now
from synthmill_schemas.budget import Price, PriceSource


class Interval(Contract):
    """A value and where it lies in 19 of 20 cases."""

    expected: float
    low: float
    high: float


class QuoteReport(Contract):
    """`_id` is `report_id`; the records that it is reckoned from are never part of the dataset."""

    version: Literal[1] = 1
    tenant: Name = DEFAULT_TENANT
    kind: Literal["quote"] = "quote"
    report_id: str
    job_id: JobId
    dataset: Name = Field(description="whose price it is")
    records: Count = Field(description="N, for which it is reckoned")
    slots: Count = Field(description="how many were tried")
    accepted: Count
    candidates: Count = Field(description="tries, failed ones included")
    llm_calls: Count
    acceptance: Interval | None = Field(description="share of tries that are accepted; none: nothing was tried")
    prompt_tokens: Interval | None = Field(description="of the whole; none: nothing was accepted")
    completion_tokens: Interval | None
    cost_usd: Interval | None = Field(description="none: a call did not say what it cost, or nothing was accepted")
    cost_usd_per_record: Interval | None = None
    price_source: PriceSource | Literal["provider"] | None = Field(None, description="who said what calls cost")
    price: Price | None = Field(None, description="of the model's tokens, where it is known")
    seconds: Interval | None = Field(description="of one consumer with nothing else to do")
    method: str = Field("", description="how the intervals were reckoned")
    at: datetime = Field(default_factory=now)
