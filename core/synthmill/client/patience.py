"""How often, and how long, a request is tried again: as the server says, else with growing waits, within a budget."""

import random
from dataclasses import dataclass

import httpx

_FIRST_SECONDS, _LONGEST_SECONDS = 0.25, 8.0
_AGAIN = frozenset({429, 502, 503, 504})
"""The API answers so before it has done anything, or has done what doing twice does not change."""


@dataclass(slots=True)
class Patience:
    """Of one request. `budget`: seconds that its waits may take together."""

    budget: float
    waits: int = 0

    def after(self, response: httpx.Response) -> float | None:
        """How long to wait before the next try; None when the answer stands."""
        if response.status_code not in _AGAIN:
            return None
        told = response.headers.get("retry-after", "")
        return self._spend(float(told) if told.isdigit() and len(told) < 6 else self._growing())

    def after_silence(self, *, safe: bool) -> float | None:
        """The same where no answer came; what is not safe to repeat may have been done."""
        return self._spend(self._growing()) if safe else None

    def _growing(self) -> float:
        most = min(_FIRST_SECONDS * 2.0**self.waits, _LONGEST_SECONDS)
        return most * (0.5 + random.random() / 2)  # noqa: S311  spreads tries, hides nothing

    def _spend(self, seconds: float) -> float | None:
        if seconds > self.budget:
            return None
        self.budget -= seconds
        self.waits += 1
        return seconds
