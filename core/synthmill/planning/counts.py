"""Poisson counts by their distribution function, with no more than sums, products and quotients.

So every machine gives the same count, up to means where exp(-mean) is 0.
"""

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate

_NEGLIGIBLE = 1e-18
"""Relative to the most frequent count; far below what 53 random bits can hit."""


class Poisson:
    """The counts of one mean, as a table of about 20 standard deviations."""

    def __init__(self, mean: float) -> None:
        mode = int(mean)
        down = _tail(1.0, range(mode, 0, -1), lambda count: count / mean)
        up = _tail(1.0, range(mode + 1, mode + 1_000_000), lambda count: mean / count)
        weights = [*reversed(down), 1.0, *up]
        self._first = mode - len(down)
        self._ends = list(accumulate(weights))

    def at(self, uniform: float) -> int:
        """The count below which a share `uniform`, from [0, 1), of the distribution lies."""
        position = bisect_right(self._ends, uniform * self._ends[-1])
        return self._first + min(position, len(self._ends) - 1)


def _tail(weight: float, counts: range, ratio: Callable[[int], float]) -> list[float]:
    weights = []
    for count in counts:
        weight *= ratio(count)
        if weight < _NEGLIGIBLE:
            break
        weights.append(weight)
    return weights
