"""How many records may hold a value, from the share that was asked for or drawn with."""

import math

_FALSE_ALARM = 1e-9
"""Chance that a sound draw is called unsound, for one value of one column."""


def drawn(share: float, records: int) -> tuple[int, int]:
    """Bounds on how many of `records` independent draws hit a value of this probability (Bernstein's inequality)."""
    doubt = math.log(2 / _FALSE_ALARM)
    variance = records * share * (1 - share)
    off = doubt / 3 + math.sqrt(doubt * doubt / 9 + 2 * doubt * variance)
    return max(0, math.floor(share * records - off)), min(records, math.ceil(share * records + off))


def declared(share: float, tolerance: float, records: int) -> tuple[int, int]:
    """Bounds that a share with a tolerance gives; what rounding to whole records can do is allowed."""
    low, high = (share - tolerance) * records, (share + tolerance) * records
    return max(0, math.floor(low + 1e-9)), min(records, math.ceil(high - 1e-9))
