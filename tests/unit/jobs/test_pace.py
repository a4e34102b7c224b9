"""How often a job is looked at: soon near its end, seldom far from it, and never so late that its end is missed."""

from dataclasses import replace

from synthmill.jobs.status import Status, Tokens
from synthmill.jobs.track import MAX_LOOK_SECONDS, MIN_LOOK_SECONDS, RemotePace
from synthmill_schemas.job import JobState

WORST_SECONDS = 2.0
"""Between a round's last record and the look that finds it."""

BEGUN = Status(
    job_id="j",
    dataset="d",
    state=JobState.PLANNED,
    reason=None,
    round=1,
    requested=0,
    accepted=0,
    exhausted=0,
    parked=0,
    open_in_round=0,
    mendable=0,
    candidates=0,
    rejects_by_class={},
    llm_calls=0,
    tokens=Tokens(0, 0),
    cost_usd=None,
    seconds=0,
)


def looks(records: int, per_second: float, *, idle: float = 0) -> tuple[int, float]:
    """Follows a round that makes records at this rate after `idle` seconds: looks taken, and how late the end came."""
    at, end, count = 0.0, idle + records / per_second, 0
    pace = RemotePace(clock=lambda: at)
    while at < end:
        made = min(records, int(max(0.0, at - idle) * per_second))
        at += pace.seconds(replace(BEGUN, requested=records, accepted=made, open_in_round=records - made))
        count += 1
    return count, at - end


def test_the_end_of_any_steady_round_is_noticed_in_time() -> None:
    for records in (1, 10, 200, 10_000, 1_000_000):
        for per_second in (0.5, 7, 90, 1_000):
            _, late = looks(records, per_second)
            assert late <= WORST_SECONDS, (records, per_second)


def test_a_round_that_waits_long_for_its_turn_is_noticed_in_time_too() -> None:
    assert looks(10, 100, idle=300)[1] <= WORST_SECONDS


def test_a_long_round_is_looked_at_seldom() -> None:
    count, _ = looks(1_000_000, 100)  # nearly three hours
    assert count < 10_000 / MAX_LOOK_SECONDS * 1.2


def test_many_rounds_wait_for_one_another() -> None:
    alone, crowded = RemotePace(clock=lambda: 0.0), RemotePace(lambda: 4.0, clock=lambda: 0.0)
    status = replace(BEGUN, requested=10, open_in_round=10)
    assert alone.seconds(status) == MIN_LOOK_SECONDS
    assert crowded.seconds(status) == 4 * MIN_LOOK_SECONDS
