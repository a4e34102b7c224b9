"""Caps on tokens and dollars: a job pauses before the call that might pass them, and a higher cap lets it go on."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.facts import assert_sound, documents, paid_twice
from tests.support.program import Program, Result
from tests.support.provider import Provider, read_calls, start_provider
from tests.support.wait import until

pytestmark = pytest.mark.e2e

RECIPE = """
version: 1
name: notes
seed: 4
target: {records: 40}
model:
  route: mock/one
  parameters: {max_tokens: 200}
  price: {input_per_million: 1000, output_per_million: 4000}
columns:
  - {name: customer, kind: sampler, sampler: {type: uuid}}
  - name: note
    kind: llm
    prompt: "A note about customer {{ customer }}."
    schema: {type: object, properties: {text: {type: string, minLength: 30}}, required: [text]}
"""


def written(folder: Path) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(RECIPE)
    return path


def spent(home: Path) -> tuple[int, float]:
    """Tokens and dollars of all calls, by the ledger."""
    calls = documents(home, "calls")
    tokens = sum(call["prompt_tokens"] + call["completion_tokens"] for call in calls)
    return tokens, sum(call["cost_usd"] or 0.0 for call in calls)


def account(home: Path) -> dict[str, Any]:
    return next(document for document in documents(home, "reports") if document.get("kind") == "spending")


def answered(provider: Provider) -> list[str]:
    return [attempt for call in read_calls(provider.log) for attempt in call["answer_ids"]]


def run_of(recipe: Path, provider: Provider) -> list[str | Path]:
    """A run of the job `capped`, without its cap."""
    return ["run", recipe, "--base-url", provider.url, "--direct", "--json", "--job-id", "capped"]


def assert_adds_up(result: Result) -> None:
    summary = result.summary
    parts = [summary[kind] for kind in ("accepted", "exhausted", "parked", "pending")]
    assert summary["requested"] == sum(parts)


def test_a_job_pauses_at_its_cap_and_goes_on_when_it_is_raised(tmp_path: Path) -> None:
    program, recipe = Program(tmp_path / "home"), written(tmp_path)
    with start_provider(tmp_path) as provider:
        command = run_of(recipe, provider)
        paused = program.run(*command, "--max-tokens", "4000")
        assert paused.summary["state"] == "paused", paused.err
        assert_adds_up(paused)
        tokens, _ = spent(program.home)
        assert 0 < paused.summary["accepted"] < 40
        assert tokens <= 4_000
        assert "of max_tokens 4000 are spent" in paused.summary["reason"]
        held = account(program.home)
        assert (held["reported"]["tokens"], held["holders"]) == (tokens, [])

        refused = program.run("resume", "capped", "--direct", "--json", "--max-tokens", str(tokens))
        assert refused.code == 2
        assert "its budget is used up" in refused.err
        done = program.run("resume", "capped", "--direct", "--json", "--max-tokens", "100000")
        assert (done.code, done.summary["accepted"]) == (0, 40), done.err
        assert paid_twice(answered(provider)) == 0
    assert_sound(program.home, "capped", 40)


@pytest.mark.long
def test_dollars_are_counted_by_the_recipes_price(tmp_path: Path) -> None:
    program, recipe = Program(tmp_path / "home"), written(tmp_path)
    with start_provider(tmp_path) as provider:
        paused = program.run(
            "run", recipe, "--base-url", provider.url, "--direct", "--json", "--max-usd", "4", "-n", "60"
        )
    assert paused.summary["state"] == "paused", paused.err
    assert_adds_up(paused)
    _, dollars = spent(program.home)
    assert 0 < dollars <= 4
    assert paused.summary["cost_usd"] == pytest.approx(dollars)
    assert 0 < paused.summary["accepted"] < 60


def test_dollars_cannot_be_capped_where_nobody_says_what_tokens_cost(tmp_path: Path) -> None:
    program, recipe = Program(tmp_path / "home"), written(tmp_path)
    recipe.write_text("\n".join(line for line in RECIPE.splitlines() if "price:" not in line))
    with start_provider(tmp_path) as provider:
        refused = program.run("run", recipe, "--base-url", provider.url, "--direct", "--json", "--max-usd", "1")
        assert read_calls(provider.log) == []
    assert refused.code == 2
    assert "give model.price in the recipe" in refused.err


@pytest.mark.long
def test_a_kill_of_everything_neither_passes_the_cap_nor_locks_it(tmp_path: Path) -> None:
    program, recipe = Program(tmp_path / "home"), written(tmp_path)
    with start_provider(tmp_path, latency_ms=300) as provider:
        command = run_of(recipe, provider)
        with program.started(*command, "--max-tokens", "6000") as process:
            until(lambda: len(read_calls(provider.log)) > 3, "calls")
            os.kill(process.pid, signal.SIGKILL)
            program.kill_all()
        paused = program.run("resume", "capped", "--direct", "--json")
        assert paused.summary["state"] == "paused", paused.err
        assert_adds_up(paused)
        tokens, _ = spent(program.home)
        held = account(program.home)
        counted = sum(held[part]["tokens"] for part in ("reported", "assumed", "lost"))
        assert tokens <= counted <= 6_000
        done = program.run("resume", "capped", "--direct", "--json", "--max-tokens", "100000")
        assert (done.code, done.summary["accepted"]) == (0, 40), done.err
    assert_sound(program.home, "capped", 40)


def test_a_quote_tells_what_the_whole_would_take_and_leaves_nothing_behind(tmp_path: Path) -> None:
    program, recipe = Program(tmp_path / "home"), written(tmp_path)
    with start_provider(tmp_path) as provider:
        quoted = program.run("quote", recipe, "--base-url", provider.url, "-n", "5000", "-k", "8", "--json")
    assert quoted.code == 0, quoted.err
    report = quoted.summary
    assert (report["records"], report["slots"], report["accepted"]) == (5_000, 8, 8)
    assert report["price_source"] == "recipe"
    for name in ("prompt_tokens", "completion_tokens", "cost_usd", "cost_usd_per_record", "seconds", "acceptance"):
        assert report[name]["low"] <= report[name]["expected"] <= report[name]["high"], name
    assert not program.home.exists()
