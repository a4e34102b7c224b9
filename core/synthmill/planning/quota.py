"""How N records are divided among weighted values, exactly."""

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate


def allocate(weights: Sequence[float], records: int) -> list[int]:
    """Whole numbers that add up to `records`, each less than 1 from its exact share; the bigger remainder first."""
    exact = [Fraction(weight) for weight in weights]
    total = sum(exact)
    shares = [weight * records / total for weight in exact]
    counts = [int(share) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda index: (counts[index] - shares[index], index))
    for index in by_remainder[: records - sum(counts)]:
        counts[index] += 1
    return counts


class Blocks:
    """Values laid out in a row, each as often as its count."""

    def __init__(self, counts: Sequence[int]) -> None:
        self._ends = list(accumulate(counts))

    def at(self, position: int) -> int:
        """The index of the value at a position below the sum of counts."""
        return bisect_right(self._ends, position)
