"""From a few requests to the sum over many: a ratio of means with its interval. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from synthmill_schemas.quote import Interval

Quantity = Literal["prompt", "completion", "cost", "seconds"]

_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
"""Student's t for 1, 2, … degrees of freedom: 19 of 20 cases lie within."""


@dataclass(slots=True)
class Took:
    """What a request's answered calls took together, and how many records it gave."""

    prompt: int = 0
    completion: int = 0
    cost: float = 0.0
    seconds: float = 0.0
    accepted: int = 0


@dataclass(slots=True)
class Sample:
    """Requests by id. `unpriced`: calls that do not say what they cost."""

    requests: dict[str, Took] = field(default_factory=dict)
    unpriced: int = 0

    def add(self, call: Mapping[str, Any]) -> None:
        """A call's ledger document."""
        took = self.requests.setdefault(call["request_id"], Took())
        took.prompt += call["prompt_tokens"]
        took.completion += call["completion_tokens"]
        took.seconds += call["latency_ms"] / 1_000
        if call["cost_usd"] is None:
            self.unpriced += 1
        else:
            took.cost += call["cost_usd"]

    def of_all(self, what: Quantity, records: int, at_a_time: int = 1) -> Interval | None:
        """The sum for so many records if their requests are like these; None when these gave no record.

        A request's amount and its records vary together, so the spread is that of what the amount differs from the
        mean amount of so many records. One request alone shows no spread: the whole may take anything.
        """
        amounts = [float(getattr(took, what)) for took in self.requests.values()]
        given = [took.accepted for took in self.requests.values()]
        if not sum(given):
            return None
        count, each = len(amounts), sum(amounts) / sum(given)
        if count == 1:
            error = each * t_of(1)
        else:
            rests = ((amount - each * number) ** 2 for amount, number in zip(amounts, given, strict=True))
            error = t_of(count - 1) * math.sqrt(sum(rests) / (count * (count - 1))) / (sum(given) / count)
        share = records / at_a_time
        return Interval(expected=each * share, low=max(0.0, each - error) * share, high=(each + error) * share)


def t_of(freedom: int) -> float:
    """Student's t, two-sided 95 %; behind the table by its first expansion, right to a thousandth."""
    if freedom <= len(_T):
        return _T[freedom - 1]
    return 1.95996 + 2.37227 / freedom + 2.8225 / freedom**2
