"""Lets calls in within the limits of their model and provider, and books what they used."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from synthmill_gateway.catalog.file import Limits
from synthmill_gateway.errors import GatewayError
from synthmill_gateway.limits.board import Board, Counters
from synthmill_gateway.limits.bucket import drained, wait_seconds

_NANO = 10**9
_DAY_SECONDS = 86_400
_USUAL_OUTPUT = 500.0  # tokens, until answers tell
_USUAL_SECONDS = 1.0
_LATEST = 0.1  # weight of the latest answer in a mean
_SHORTEST_WAIT, _LONGEST_WAIT = 0.05, 60.0


@dataclass(frozen=True, slots=True)
class Scope:
    """What is limited together: a model or a provider, and its limits."""

    name: str
    limits: Limits


@dataclass(frozen=True, slots=True)
class Need:
    """What a call will take, as far as one can tell before it: tokens; `most_output` if the request has a bound."""

    input_tokens: float
    most_output: float | None = None


@dataclass(frozen=True, slots=True)
class Used:
    """What an answered call took: tokens, and dollars where its price is known."""

    input_tokens: float
    output_tokens: float
    cost: Decimal | None


@dataclass(slots=True)
class Ticket:
    """A call that was let in. It has to be settled, whatever becomes of it."""

    scopes: Sequence[Scope]
    input_tokens: float
    output_tokens: list[float] = field(default_factory=list)  # reserved in each scope
    started: float = 0.0


class Meter:
    """The limits of all workers together; `monotonic` and `wall` are clocks in seconds."""

    def __init__(
        self, board: Board, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._board = board
        self._monotonic = monotonic
        self._wall = wall

    def admit(self, scopes: Sequence[Scope], need: Need) -> Ticket:
        """Counts the call in all scopes, or in none. Raises GatewayError: 429 with a wait, or 402."""
        now, today = self._monotonic(), int(self._wall() // _DAY_SECONDS)
        ticket = Ticket(scopes, need.input_tokens, started=now)
        if not scopes:
            return ticket
        with self._board.locked():
            entries = [(scope, _refreshed(self._board.read(scope.name), scope.limits, now, today)) for scope in scopes]
            for scope, counters in entries:
                output = _expected_output(counters, need)
                _check(scope, counters, need.input_tokens, output)
                ticket.output_tokens.append(output)
            for (scope, counters), output in zip(entries, ticket.output_tokens, strict=True):
                counters.requests += 1
                counters.input_tokens += need.input_tokens
                counters.output_tokens += output
                counters.in_flight[self._board.seat] += 1
                self._board.write(scope.name, counters)
        return ticket

    def settle(self, ticket: Ticket, used: Used | None) -> None:
        """Books what the call really took; None when it was not answered."""
        if not ticket.scopes:
            return
        now, today = self._monotonic(), int(self._wall() // _DAY_SECONDS)
        with self._board.locked():
            for scope, reserved in zip(ticket.scopes, ticket.output_tokens, strict=True):
                counters = _refreshed(self._board.read(scope.name), scope.limits, now, today)
                counters.in_flight[self._board.seat] = max(0, counters.in_flight[self._board.seat] - 1)
                _book(counters, used, ticket.input_tokens, reserved, now - ticket.started)
                self._board.write(scope.name, counters)


def _refreshed(counters: Counters, limits: Limits, now: float, today: int) -> Counters:
    passed = now - counters.filled
    counters.filled = now
    counters.requests = drained(counters.requests, limits.requests_per_minute, passed)
    counters.input_tokens = drained(counters.input_tokens, limits.input_tokens_per_minute, passed)
    counters.output_tokens = drained(counters.output_tokens, limits.output_tokens_per_minute, passed)
    if counters.day != today:
        counters.day, counters.nanodollars = today, 0
    return counters


def _expected_output(counters: Counters, need: Need) -> float:
    usual = counters.mean_output or _USUAL_OUTPUT
    return usual if need.most_output is None else min(usual, need.most_output)


def _check(scope: Scope, counters: Counters, input_tokens: float, output_tokens: float) -> None:
    limits = scope.limits
    _check_money(scope, counters)
    in_flight = sum(counters.in_flight)
    if limits.concurrent is not None and in_flight >= limits.concurrent:
        wait = (counters.mean_seconds or _USUAL_SECONDS) / in_flight
        raise _too_fast(scope, f"{limits.concurrent} calls at a time", wait)
    rates = (
        (counters.requests, 1.0, limits.requests_per_minute, "requests"),
        (counters.input_tokens, input_tokens, limits.input_tokens_per_minute, "input tokens"),
        (counters.output_tokens, output_tokens, limits.output_tokens_per_minute, "output tokens"),
    )
    for used, need, per_minute, what in rates:
        if per_minute is not None and (wait := wait_seconds(used, need, per_minute)) > 0:
            raise _too_fast(scope, f"{per_minute:g} {what} a minute", wait)


def _check_money(scope: Scope, counters: Counters) -> None:
    most = scope.limits.dollars_per_day
    if most is None or counters.nanodollars < most * _NANO:
        return
    spent = Decimal(counters.nanodollars) / _NANO
    raise GatewayError(
        402,
        f"the gateway's limit of ${most} a day for {scope.name} is used up (${spent:.4f}); it opens again at 00:00 "
        "UTC, or raise dollars_per_day in the gateway's file",
        code="daily_limit",
        type="insufficient_quota",
    )


def _too_fast(scope: Scope, limit: str, wait: float) -> GatewayError:
    wait = min(max(wait, _SHORTEST_WAIT), _LONGEST_WAIT)
    return GatewayError(
        429,
        f"the gateway lets {limit} through for {scope.name}; try again in {wait:.2f} s",
        code="gateway_limit",
        retry_after=str(math.ceil(wait)),
        retry_after_ms=math.ceil(wait * 1_000),
    )


def _book(counters: Counters, used: Used | None, input_tokens: float, output_tokens: float, seconds: float) -> None:
    counters.input_tokens = max(0.0, counters.input_tokens - input_tokens)
    counters.output_tokens = max(0.0, counters.output_tokens - output_tokens)
    if used is None:
        return
    counters.input_tokens += used.input_tokens
    counters.output_tokens += used.output_tokens
    counters.mean_output = _mean(counters.mean_output, used.output_tokens)
    counters.mean_seconds = _mean(counters.mean_seconds, seconds)
    counters.nanodollars += int((used.cost or 0) * _NANO)


def _mean(before: float, latest: float) -> float:
    return latest if before == 0 else before + _LATEST * (latest - before)
