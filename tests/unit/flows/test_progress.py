"""Progress is shown when it says something new, and not more often than a server likes."""

from synthmill_flows.progress import MIN_SECONDS, Throttle, artifact_key, counts_of, percent_of
from synthmill_schemas.job import JobState
from tests.support.statuses import completed, status


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def test_the_first_status_is_shown() -> None:
    assert Throttle(Clock()).lets_through(status(accepted=0))


def test_the_same_percent_is_not_shown_again_however_long_it_stands() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    throttle.lets_through(status(accepted=100))
    clock.seconds += 100 * MIN_SECONDS
    assert not throttle.lets_through(status(accepted=101))
    assert throttle.lets_through(status(accepted=102))


def test_a_new_percent_waits_until_the_last_is_long_enough_ago() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    throttle.lets_through(status(accepted=100))
    clock.seconds += MIN_SECONDS / 2
    assert not throttle.lets_through(status(accepted=110))
    clock.seconds += MIN_SECONDS / 2
    assert throttle.lets_through(status(accepted=110))


def test_a_job_at_rest_is_shown_at_once() -> None:
    throttle = Throttle(Clock())
    throttle.lets_through(status(accepted=199))
    assert throttle.lets_through(completed())


def test_percent_is_whole_and_never_early() -> None:
    assert percent_of(status(requested=200, accepted=199)) == 99
    assert percent_of(completed()) == 100
    assert percent_of(status(requested=0, accepted=0)) == 0


def test_keys_hold_what_prefect_takes() -> None:
    assert artifact_key("job", "My_Job-7") == "job-my-job-7"


def test_the_counts_are_the_accounting_identity() -> None:
    counts = counts_of(status(state=JobState.PLANNED, requested=200, accepted=100, exhausted=3, parked=1))
    parts = sum(counts[name] for name in ("accepted", "exhausted", "parked", "pending"))
    assert parts == counts["requested"] == 200
    assert counts["rejects"] == 16
