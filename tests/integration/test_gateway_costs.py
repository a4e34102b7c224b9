"""What a call cost, all the way: the gateway's headers, the real consumer, the calls ledger, the job's status."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.facts import documents
from tests.support.gateway import Gateway, start_gateway
from tests.support.program import Program, Result
from tests.support.provider import start_provider

pytestmark = pytest.mark.e2e

RECORDS = 6
FILE = """
version: 1
offline: true
providers:
  sound: {{kind: openai, api_base: "{sound}"}}
  broken: {{kind: openai, api_base: "{broken}"}}
models:
  priced: {{provider: sound, model: a-model, price: {{input_per_million: 3, output_per_million: 20}}}}
  unpriced: {{provider: sound, model: a-model}}
  fails: {{provider: broken, model: gpt-4o-mini, fallbacks: [priced]}}
  limited: {{provider: sound, model: a-model, limits: {{concurrent: 1, requests_per_minute: 360}}}}
  dear:
    provider: sound
    model: a-model
    price: {{input_per_million: 1000000, output_per_million: 0}}
    limits: {{dollars_per_day: 1}}
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    new = tmp_path_factory.mktemp
    with start_provider(new("sound")) as sound, start_provider(new("broken"), offline={"fail": 1}) as broken:
        file = new("gateway") / "gateway.yaml"
        file.write_text(FILE.format(sound=sound.base_url, broken=broken.base_url))
        with start_gateway(file.parent, "--config", str(file), SYNTHMILL_GATEWAY__TOKEN="a-token") as running:
            yield running


def ran(folder: Path, gateway: Gateway, route: str, records: int = RECORDS) -> tuple[Result, list[dict[str, Any]]]:
    """How `synthmill run` ended, and its ledger."""
    recipe = {
        "version": 1,
        "name": "notes",
        "seed": 4,
        "target": {"records": records},
        "model": {"route": route},
        "columns": [
            {"name": "customer", "kind": "sampler", "sampler": {"type": "uuid"}},
            {"name": "note", "kind": "llm", "prompt": "A note about customer {{ customer }}."},
        ],
    }
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    settings = {"SYNTHMILL_GATEWAY__URL": f"{gateway.url}/v1", "SYNTHMILL_GATEWAY__TOKEN": "a-token"}
    program = Program(folder / "home", settings)
    return program.run("run", "recipe.yaml", "--direct", "--json"), documents(folder / "home", "calls")


@pytest.mark.parametrize("route", ["priced", "fails"])
def test_a_jobs_cost_is_the_sum_of_its_calls_at_the_price_of_who_answered(
    tmp_path: Path, gateway: Gateway, route: str
) -> None:
    result, calls = ran(tmp_path, gateway, route)
    assert result.code == 0, result.err
    assert {(call["route"], call["model"]) for call in calls} == {(route, "sound/a-model")}
    for call in calls:
        dollars = call["prompt_tokens"] * 3e-6 + call["completion_tokens"] * 20e-6
        assert call["cost_usd"] == pytest.approx(dollars)
    assert result.summary["cost_usd"] == pytest.approx(sum(call["cost_usd"] for call in calls))
    assert result.summary["cost_usd"] > 0
    made = [slot["provenance"] for slot in documents(tmp_path / "home", "slots")]
    assert {one["model"] for one in made} == {"sound/a-model"}


def test_an_unknown_price_is_null_in_the_ledger_and_in_the_status(tmp_path: Path, gateway: Gateway) -> None:
    result, calls = ran(tmp_path, gateway, "unpriced")
    assert result.code == 0, result.err
    assert [call["cost_usd"] for call in calls] == [None] * RECORDS
    assert result.summary["cost_usd"] is None


def test_the_offline_model_costs_nothing(tmp_path: Path, gateway: Gateway) -> None:
    result, calls = ran(tmp_path, gateway, "offline/fake-1")
    assert [call["cost_usd"] for call in calls] == [0.0] * RECORDS
    assert (result.summary["cost_usd"], result.summary["accepted"]) == (0.0, RECORDS)


def test_a_limit_is_waited_for_and_is_no_attempt(tmp_path: Path, gateway: Gateway) -> None:
    result, calls = ran(tmp_path, gateway, "limited", records=100)
    outcomes = Counter(call["outcome"] for call in calls)
    assert outcomes["answered"] == result.summary["accepted"] == 100
    assert outcomes["rate_limited"] > 0
    assert set(outcomes) == {"answered", "rate_limited"}
    assert documents(tmp_path / "home", "rejects") == []


def test_a_days_money_blocks_the_job_and_says_why(tmp_path: Path, gateway: Gateway) -> None:
    result, calls = ran(tmp_path, gateway, "dear", records=200)
    assert result.code != 0
    assert result.summary["state"] == "blocked"
    assert documents(tmp_path / "home", "rejects") == []
    assert "limit of $1 a day for model dear is used up" in result.summary["reason"]
    assert "mend that at the gateway, then resume the job" in result.summary["reason"]
    assert sum(call["cost_usd"] or 0 for call in calls) >= 1
