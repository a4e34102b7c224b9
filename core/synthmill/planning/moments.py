"""Moments on a grid of whole seconds, minutes, hours or days, as RFC 3339 text with zone."""

from datetime import UTC, datetime, timedelta
from typing import Literal

Unit = Literal["second", "minute", "hour", "day"]
SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
STEP = {unit: timedelta(seconds=seconds) for unit, seconds in SECONDS.items()}
_ZEROED = {
    "second": {"microsecond": 0},
    "minute": {"second": 0, "microsecond": 0},
    "hour": {"minute": 0, "second": 0, "microsecond": 0},
    "day": {"hour": 0, "minute": 0, "second": 0, "microsecond": 0},
}


def zoned(moment: datetime) -> datetime:
    """The moment itself, in UTC if it names no zone."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def grid(start: datetime, end: datetime, unit: Unit) -> tuple[datetime, int]:
    """The first whole unit from `start` on, and how many there are before `end` (0 or fewer: none)."""
    first = start.replace(**_ZEROED[unit])  # type: ignore[arg-type]  # the values are ints for named fields
    if first < start:
        first += STEP[unit]
    return first, -((first - end) // STEP[unit])


def written(moment: datetime) -> str:
    """RFC 3339, with Z for UTC."""
    text = moment.isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def read(text: str) -> datetime:
    """The moment that `written` wrote."""
    return datetime.fromisoformat(text)
