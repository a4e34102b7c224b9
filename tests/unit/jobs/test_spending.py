"""Budgets: what fits, what counts as spent, and what becomes of what a dead consumer had reserved."""

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from synthmill.embedded import EmbeddedServices
from synthmill.jobs.account import change_account, find_account, open_account, recount
from synthmill.jobs.spending import NOTHING, Unwritten, bury, committed, enter, hold, judge, used_up
from synthmill.ports.records import Collection, Place, Write
from synthmill_schemas.budget import Amount, Budget, SpendingDocument
from synthmill_schemas.job import JobDocument
from synthmill_schemas.ledger import CallDocument, CallOutcome
from synthmill_schemas.slot import Rung
from tests.support.jobs import recipe

EXAMPLES = json.loads((Path(__file__).parents[3] / "schemas" / "examples" / "budget.json").read_text())


def account(**changes: Any) -> SpendingDocument:  # noqa: ANN401  any field of an account
    return SpendingDocument(report_id="spending-j", job_id="j", **changes)


def tokens(number: int) -> Amount:
    return Amount(tokens=number)


def call(number: int, **changes: Any) -> CallDocument:  # noqa: ANN401  any field of a call
    fields: dict[str, Any] = {
        "dataset": "demo",
        "job_id": "j",
        "call_id": f"c{number}",
        "request_id": f"j-1-{number}",
        "round": 1,
        "attempt_ids": [f"j-{number}-1-1"],
        "outcome": CallOutcome.ANSWERED,
        "status": 200,
        "rung": Rung.JSON_SCHEMA,
        "route": "mock",
        "seed": 1,
        "prompt_hash": "0" * 64,
        "prompt_tokens": 60,
        "completion_tokens": 40,
        "cost_usd": 0.01,
        "latency_ms": 5,
    }
    return CallDocument.model_validate({**fields, **changes})


def a_job() -> JobDocument:
    compiled = recipe()
    return JobDocument(job_id="j", dataset="demo", recipe=compiled.recipe, recipe_hash=compiled.recipe_hash)


async def noted(services: EmbeddedServices, *calls: CallDocument) -> None:
    place = Place("default", Collection.CALLS)
    await services.store.bulk([Write(place, one.call_id, one.model_dump(mode="json")) for one in calls])


@pytest.mark.parametrize("one", EXAMPLES, ids=lambda one: f"{one['room']}-{one['committed']['tokens']}")
def test_calls_are_judged_as_in_rust(one: dict[str, Any]) -> None:
    amounts = [Amount.model_validate(one[name]) for name in ("committed", "held", "need")]
    judged = judge(Budget.model_validate(one["budget"]), *amounts)
    assert (judged.room, judged.reason) == (one["room"], one["reason"])


def test_a_budget_is_used_up_when_not_even_one_token_fits() -> None:
    assert used_up(Budget(max_tokens=100), tokens(99)) is None
    assert used_up(Budget(max_tokens=100), tokens(100)) is not None
    assert used_up(Budget(max_usd=0.5), Amount(usd=0.5)) == "0.5000 of max_usd 0.5000 are spent"
    assert used_up(Budget(max_usd=0.5), Amount(usd=0.49)) is None


def test_what_a_dead_consumer_held_counts_as_spent_until_it_comes_back() -> None:
    written = Unwritten().granted(tokens(300)).kept()
    before = hold(account(), "a", written.held, 100)
    assert committed(bury(before, "b", 100)) == NOTHING, "it is still alive"
    buried = bury(before, "b", 101)
    assert (buried.lost, buried.holders) == (tokens(300), [])
    back = enter(
        buried, "a", written.settled(tokens(100), call(1, prompt_tokens=50, completion_tokens=30).model_dump())
    )
    assert (back.lost, back.reported.tokens) == (NOTHING, 80)


def test_only_a_call_that_cannot_have_been_paid_counts_with_nothing() -> None:
    failed: dict[str, Any] = {"prompt_tokens": 0, "completion_tokens": 0, "cost_usd": None}
    cases: list[tuple[dict[str, Any], int]] = [
        ({"outcome": CallOutcome.FAILED, "status": None}, 100),
        ({"outcome": CallOutcome.FAILED, "status": 200}, 100),
        ({"outcome": CallOutcome.FAILED, "status": 503}, 0),
        ({"outcome": CallOutcome.RATE_LIMITED, "status": 429}, 0),
        ({"outcome": CallOutcome.UNREACHABLE, "status": None}, 0),
        ({"outcome": CallOutcome.ANSWERED, "status": 200}, 100),
    ]
    for how, counts in cases:
        after = Unwritten().granted(tokens(100)).settled(tokens(100), call(1, **failed, **how).model_dump())
        assert (after.assumed.tokens, after.held) == (counts, NOTHING), how
    assert Unwritten().granted(tokens(100)).settled(tokens(100), None).assumed == tokens(100), "nobody knows"


async def test_an_account_opens_with_what_the_ledger_tells(services: EmbeddedServices) -> None:
    await noted(services, call(1), call(2))
    await open_account(services.store, a_job())
    await noted(services, call(3))
    await open_account(services.store, a_job())
    found = await find_account(services.store, "default", "j")
    assert found is not None
    assert found.reported == Amount(tokens=200, usd=0.02), "it is opened once"


def _held(until: int, found: SpendingDocument) -> SpendingDocument:
    return hold(found, "dead", tokens(500), until)


async def test_answers_of_a_dead_consumer_are_found_in_the_ledger_and_the_rest_stays_lost(
    services: EmbeddedServices,
) -> None:
    job = a_job()
    await open_account(services.store, job)
    past, future = int(time.time()) - 60, int(time.time()) + 60
    for until in (future, past):
        await change_account(services.store, "default", "j", partial(_held, until))
        await noted(services, call(1), call(2))
        await recount(services.store, job)
        found = await find_account(services.store, "default", "j")
        assert found is not None
        if until == future:
            assert (found.reported, len(found.holders)) == (NOTHING, 1), "who is at work settles it"
    assert found is not None
    assert (found.reported.tokens, found.lost.tokens, found.holders) == (200, 300, [])
