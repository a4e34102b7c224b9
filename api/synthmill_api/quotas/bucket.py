"""A token bucket: so many requests at once, and so many a second in the long run. It knows nothing of HTTP."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of asking for one. Seconds are rounded up, so that who waits so long is served."""

    granted: bool
    limit: int
    remaining: int
    full_in: int
    next_in: int


@dataclass(slots=True)
class Bucket:
    """Holds `size` at most, and gets `rate` a second; `at` is when it was looked at last, by the caller's clock."""

    size: int
    rate: float
    level: float
    at: float

    def take(self, now: float) -> Taken:
        """One token, if there is one."""
        self.level = min(float(self.size), self.level + max(0.0, now - self.at) * self.rate)
        self.at = now
        granted = self.level >= 1
        if granted:
            self.level -= 1
        lacking = max(0.0, 1 - self.level)
        return Taken(
            granted,
            self.size,
            int(self.level),
            math.ceil((self.size - self.level) / self.rate),
            max(1, math.ceil(lacking / self.rate)),
        )
