"""Numbers, money, times and sizes as people read them."""

from collections.abc import Mapping
from datetime import datetime

from synthmill_schemas.base import now
from synthmill_schemas.job import JobState

STATE_WORDS = {
    JobState.CREATED: "staged",
    JobState.PUBLISHING: "planning",
    JobState.PUBLISHED: "planning",
    JobState.PLANNED: "generating",
    JobState.PAUSED: "paused",
    JobState.BLOCKED: "blocked",
    JobState.CANCELLED: "cancelled",
    JobState.COMPLETED: "completed",
    JobState.COMPLETED_WITH_PARKED: "completed, some slots parked",
    JobState.FAILED: "incomplete",
}

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_CENTS_FROM = 0.1  # below, whole cents would say too little
_LEAST_USD = 0.0001
_UUID_LENGTH = 36


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """1 record, 2 records."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def money(usd: float | None) -> str:
    """Dollars with as many decimals as matter; None is unknown, never zero."""
    if usd is None:
        return "unknown"
    if 0 < usd < _CENTS_FROM:
        return f"${usd:.4f}" if usd >= _LEAST_USD else f"less than ${_LEAST_USD}"
    return f"${usd:,.2f}"


def duration(seconds: float) -> str:
    """48 s, 3 min 12 s, 1 h 05 min, 2 d 3 h."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def ago(moment: datetime) -> str:
    """How long since, in its largest unit."""
    seconds = max(0.0, (now() - moment).total_seconds())
    for unit, length in (("d", _DAY), ("h", _HOUR), ("min", _MINUTE)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    return f"{int(seconds)} s ago"


def size(number: int) -> str:
    """Bytes in powers of 1,000."""
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1_000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1_000
    return f"{value:.1f} TB"


def speed(per_second: float) -> str:
    """Records a second, or a minute when they are few."""
    if per_second >= 1:
        return f"{per_second:,.1f} records/s"
    return f"{per_second * _MINUTE:.1f} records/min"


def percent(part: int, whole: int) -> str:
    """Whole percent, rounded down: 100 % means all."""
    return f"{100 * part // whole} %" if whole else "0 %"


def classes(by_class: Mapping[str, int]) -> str:
    """Reject classes, the most frequent first."""
    ranked = sorted(by_class.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number:,} {name}" for name, number in ranked if number)


def short(job_id: str) -> str:
    """A job id as people type it: eight characters of a UUID, an id that someone chose as it is."""
    return job_id[:8] if len(job_id) == _UUID_LENGTH and job_id.count("-") == 4 else job_id
