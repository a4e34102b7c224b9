"""A rate per minute as a leaky bucket: what was used drains away evenly. Pure."""

_BURST_SECONDS = 10.0
"""So much of a minute's worth may come at once. A whole minute's would let through twice the limit in one minute."""


def drained(used: float, per_minute: float | None, seconds: float) -> float:
    """What is left of `used` after `seconds`, never below 0; without a limit nothing is kept."""
    if per_minute is None:
        return 0.0
    return max(0.0, used - per_minute / 60 * max(0.0, seconds))


def wait_seconds(used: float, need: float, per_minute: float) -> float:
    """0 when `need` fits now, else how long until it does. What is bigger than the bucket waits until it is empty."""
    room = max(0.0, per_minute / 60 * _BURST_SECONDS - need)
    return max(0.0, used - room) / (per_minute / 60)
