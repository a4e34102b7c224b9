"""From a few records to the whole job: the same share of tokens and money for each."""

from dataclasses import dataclass

from synthmill.jobs.status import Status


@dataclass(frozen=True, slots=True)
class Estimate:
    """What `records` records would take; `cost_usd` is None when a call did not say what it cost."""

    records: int
    calls: int
    tokens: int
    cost_usd: float | None


def estimate(status: Status, full: int | None) -> Estimate | None:
    """Everything paid for the preview, rejects included, divided by the records that it gave; None without any."""
    if not status.accepted or full is None:
        return None
    share = full / status.accepted
    tokens = status.tokens.prompt + status.tokens.completion
    cost = None if status.cost_usd is None else status.cost_usd * share
    return Estimate(full, round(status.llm_calls * share), round(tokens * share), cost)
