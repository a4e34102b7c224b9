"""The ledgers: failed attempts, paid calls and claimed contents."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from synthmill_schemas.base import DEFAULT_TENANT, Contract, Count, JobId, Name, Round, Sha256, Slot, now
from synthmill_schemas.seed import Lineage
from synthmill_schemas.slot import RejectClass, Rung


class RejectDocument(Contract):
    """A failed attempt; `_id` is the attempt id. A bad input row has no slot: `{job id}-{seed set}-row-{row}`."""

    version: Literal[1] = 1
    tenant: Name = DEFAULT_TENANT
    dataset: Name
    job_id: JobId
    reject_id: str
    record_id: str | None = None
    slot: Slot | None = None
    round: Round
    attempt: Count
    reject_class: RejectClass
    reason: str = Field(description="what was wrong, with the path in the record where it has one")
    raw: str | None = Field(None, description="the answer or row as it came, cut at 20,000 characters")
    lineage: Lineage | None = None
    call_id: str | None = None
    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    cost_usd: float | None = None
    at: datetime = Field(default_factory=now)


class CallOutcome(StrEnum):
    """What a call came to, as far as money is concerned."""

    ANSWERED = "answered"  # the provider answered; tokens were paid
    RATE_LIMITED = "rate_limited"  # 429: not an attempt
    REFUSED = "refused"  # 4xx: the request or the key
    FAILED = "failed"  # 5xx, timeout, broken off: may have been paid
    UNREACHABLE = "unreachable"  # no connection: never reached the provider


class CallDocument(Contract):
    """One LLM call; money is counted here, by call, so that shares need not add up."""

    version: Literal[1] = 1
    tenant: Name = DEFAULT_TENANT
    dataset: Name
    job_id: JobId
    call_id: str
    request_id: str
    round: Round
    attempt_ids: list[str]
    outcome: CallOutcome
    status: int | None = Field(None, description="HTTP status")
    rung: Rung
    route: str
    model: str | None = None
    seed: int
    prompt_hash: Sha256
    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    cost_usd: float | None = None
    latency_ms: Count
    at: datetime = Field(default_factory=now)


class ClaimDocument(Contract):
    """Content can be had once in a dataset; `_id` is `ids.claim_id`, created if absent."""

    version: Literal[1] = 1
    tenant: Name = DEFAULT_TENANT
    dataset: Name
    content_hash: Sha256
    record_id: str
    job_id: JobId
    at: datetime = Field(default_factory=now)
