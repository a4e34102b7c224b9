"""Limits: what passes, how long to wait, what is booked, and that several processes count together."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthmill.errors import UserError
from synthmill_gateway.catalog.file import Limits
from synthmill_gateway.errors import GatewayError
from synthmill_gateway.failures import Failure
from synthmill_gateway.limits.board import Board
from synthmill_gateway.limits.bucket import drained, wait_seconds
from synthmill_gateway.limits.meter import Meter, Need, Scope, Ticket, Used

CALL = Need(input_tokens=100)


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def meter(tmp_path: Path, clock: Clock) -> Meter:
    return Meter(Board(tmp_path / "counters"), clock, clock)


def scope(**limits: Any) -> tuple[Scope, ...]:  # noqa: ANN401  numbers
    return (Scope("model m", Limits(**limits)),)


def refused(meter: Meter, scopes: tuple[Scope, ...], need: Need = CALL) -> GatewayError:
    with pytest.raises(GatewayError) as error:
        meter.admit(scopes, need)
    return error.value


def waited(error: GatewayError) -> float:
    assert (error.status, error.code, error.failure) == (429, "gateway_limit", Failure.RATE_LIMIT)
    assert error.retry_after_ms is not None
    assert error.headers() == {
        "Retry-After": str(-(-error.retry_after_ms // 1000)),
        "Retry-After-Ms": str(error.retry_after_ms),
    }
    return error.retry_after_ms / 1000


def admitted(meter: Meter, scopes: tuple[Scope, ...], most: int = 1_000) -> list[Ticket]:
    tickets = []
    for _ in range(most):
        try:
            tickets.append(meter.admit(scopes, CALL))
        except GatewayError:
            break
    return tickets


def test_requests_pass_as_fast_as_the_limit_and_ten_seconds_worth_at_once(meter: Meter, clock: Clock) -> None:
    limited = scope(requests_per_minute=60)
    assert len(admitted(meter, limited)) == 10
    assert waited(refused(meter, limited)) == 1
    clock.now += 1
    assert len(admitted(meter, limited)) == 1


def test_a_slow_limit_lets_one_through_at_a_time(meter: Meter, clock: Clock) -> None:
    limited = scope(requests_per_minute=2)
    assert len(admitted(meter, limited)) == 1
    assert waited(refused(meter, limited)) == 30
    clock.now += 30
    assert len(admitted(meter, limited)) == 1


def test_calls_at_a_time_are_bounded_until_they_end(meter: Meter, clock: Clock) -> None:
    limited = scope(concurrent=2)
    first, second = admitted(meter, limited)
    clock.now += 4
    meter.settle(first, Used(1, 1, None))
    assert len(admitted(meter, limited)) == 1
    assert waited(refused(meter, limited)) == 2, "half of the four seconds that a call takes"
    meter.settle(second, None)
    assert len(admitted(meter, limited)) == 1


def test_tokens_are_reserved_before_and_corrected_after(meter: Meter, clock: Clock) -> None:
    limited = scope(input_tokens_per_minute=6_000, output_tokens_per_minute=60_000)
    tickets = admitted(meter, limited)
    assert len(tickets) == 10, "1,000 tokens at once, 100 each by the estimate"
    for ticket in tickets:
        meter.settle(ticket, Used(200, 10, None))
    assert waited(refused(meter, limited)) == 11, "they were 2,000, so 1,100 too many"
    clock.now += 11
    assert len(admitted(meter, limited)) == 1


def test_output_is_expected_as_it_lately_was_or_as_the_request_bounds_it(meter: Meter) -> None:
    limited = scope(output_tokens_per_minute=6_000)
    meter.settle(meter.admit(limited, CALL), Used(1, 400, None))
    assert len(admitted(meter, limited)) == 1, "400 and 400 of 1,000"
    bounded = Need(input_tokens=1, most_output=50)
    for _ in range(4):
        meter.admit(limited, bounded)
    assert waited(refused(meter, limited, bounded)) > 0


def test_a_call_bigger_than_the_bucket_waits_until_it_is_empty_and_passes(meter: Meter, clock: Clock) -> None:
    limited = scope(input_tokens_per_minute=600)
    big = Need(input_tokens=5_000)
    meter.admit(limited, CALL)
    clock.now += waited(refused(meter, limited, big))
    meter.admit(limited, big)


def test_a_call_that_failed_gives_its_tokens_back(meter: Meter) -> None:
    limited = scope(input_tokens_per_minute=600, output_tokens_per_minute=600)
    for _ in range(20):
        meter.settle(meter.admit(limited, CALL), None)


def test_a_days_money_closes_the_model_until_midnight_utc(meter: Meter, clock: Clock) -> None:
    limited = scope(dollars_per_day=Decimal("0.01"))
    clock.now = 86_400 * 20_000 + 3_600.0
    for _ in range(4):
        meter.settle(meter.admit(limited, CALL), Used(1, 1, Decimal("0.003")))
    error = refused(meter, limited)
    assert (error.status, error.code, error.failure, error.headers()) == (402, "daily_limit", Failure.QUOTA, {})
    assert "$0.01 a day for model m is used up ($0.0120)" in error.message
    clock.now += 23 * 3_600
    meter.admit(limited, CALL)


def test_a_call_refused_by_its_provider_does_not_count_for_its_model(meter: Meter) -> None:
    model, provider = Scope("model m", Limits(concurrent=5)), Scope("provider p", Limits(concurrent=1))
    ticket = meter.admit((model, provider), CALL)
    for _ in range(10):
        assert "provider p" in refused(meter, (model, provider)).message
    meter.settle(ticket, None)
    assert len(admitted(meter, (model,))) == 5


def test_processes_count_together_and_a_dead_ones_calls_are_forgotten(tmp_path: Path, clock: Clock) -> None:
    boards = [Board(tmp_path / "counters", seat) for seat in range(2)]
    first, second = (Meter(board, clock, clock) for board in boards)
    limited = scope(concurrent=3, requests_per_minute=600)
    assert len(admitted(first, limited, 2)) == 2
    assert len(admitted(second, limited)) == 1
    boards[0].vacate(everybody=False)
    assert len(admitted(second, limited)) == 2, "those of the other seat stay"
    boards[0].vacate(everybody=True)
    assert len(admitted(second, limited)) == 3


def test_money_outlives_a_restart(tmp_path: Path, clock: Clock) -> None:
    limited = scope(dollars_per_day=Decimal(1))
    board = Board(tmp_path / "counters")
    meter = Meter(board, clock, clock)
    meter.settle(meter.admit(limited, CALL), Used(1, 1, Decimal(2)))
    board.close()
    assert refused(Meter(Board(tmp_path / "counters"), clock, clock), limited).status == 402


def test_another_file_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    with pytest.raises(UserError, match="remove it"):
        Board(path)
    assert path.read_text() == "mine"


def test_more_names_than_there_is_room_for_are_refused(tmp_path: Path) -> None:
    board = Board(tmp_path / "counters")
    for number in range(1_024):
        counters = board.read(str(number))
        counters.nanodollars = number
        board.write(str(number), counters)
    assert [board.read(str(number)).nanodollars for number in range(1_024)] == list(range(1_024))
    with pytest.raises(UserError, match="SYNTHMILL_GATEWAY__STATE"):
        board.read("one more")


@given(
    per_minute=st.floats(0.1, 1e6), gaps=st.lists(st.floats(0, 20), min_size=1, max_size=60), need=st.floats(0.1, 1e4)
)
def test_no_minute_lets_through_more_than_the_limit_a_burst_and_one_call(
    per_minute: float, gaps: list[float], need: float
) -> None:
    used = 0.0
    now, passed = 0.0, []
    for gap in gaps:
        now += gap
        used = drained(used, per_minute, gap)
        if wait_seconds(used, need, per_minute) == 0:
            used += need
            passed.append(now)
    for start in passed:
        within = sum(need for moment in passed if start <= moment < start + 60)
        assert within <= per_minute * (1 + 10 / 60) + need * 1.001
