"""30 % broken answers and 10 % 429s: every stored record valid, every slot accounted for, nothing valid asked twice."""

from collections import defaultdict
from pathlib import Path

import pytest

from tests.support.facts import assert_sound, documents, record_of
from tests.support.program import Program
from tests.support.provider import read_calls, start_provider

RECORDS = 600

RECIPE = f"""
version: 1
name: broken
seed: 5
batch: 3
target: {{records: {RECORDS}}}
model:
  route: mock/one
  parameters:
    offline: {{fence: 0.06, truncate: 0.06, wrong_enum: 0.06, extra_keys: 0.06, half_valid: 0.06,
               rate_limit: 0.1, retry_after: 0}}
columns:
  - {{name: product, kind: sampler, sampler: {{type: category, values: [kettle, toaster, lamp], quota: exact}}}}
  - name: review
    kind: llm
    prompt: "A customer's review of a {{{{ product }}}}."
    schema:
      type: object
      properties:
        title: {{type: string, minLength: 5, maxLength: 120}}
        text: {{type: string, minLength: 30}}
        mood: {{enum: [delighted, satisfied, neutral, annoyed, furious]}}
        stars: {{type: integer, minimum: 1, maximum: 5}}
      required: [title, text, mood, stars]
"""


def last_attempts(log: Path) -> dict[str, tuple[int, int]]:
    """For each record the highest (round, attempt) that an answered call carried."""
    last: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for call in read_calls(log):
        if call["status"] != 200:
            continue
        for attempt_id in call["attempt_ids"]:
            _, round_, attempt = attempt_id.rsplit("-", 2)
            last[record_of(attempt_id)] = max(last[record_of(attempt_id)], (int(round_), int(attempt)))
    return last


@pytest.mark.e2e
def test_broken_answers_and_rate_limits_cost_tries_but_no_record(tmp_path: Path) -> None:
    program = Program(tmp_path / "home")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE)
    with start_provider(tmp_path) as provider:
        result = program.run("run", recipe, "--base-url", provider.url, "--direct", "--json")
        calls = read_calls(provider.log)
    assert result.code == 0, result.err
    summary = result.summary
    slots = assert_sound(program.home, summary["job_id"], RECORDS)

    faults = {call["fault"] for call in calls}
    assert {"fence", "truncate", "wrong_enum", "extra_keys", "half_valid", "rate_limit"} <= faults, (
        "a fault never fired"
    )
    assert summary["rejects_by_class"], "some broken answers cannot be repaired"

    last = last_attempts(provider.log)
    asked_again = [
        slot["record_id"]
        for slot in slots
        if last[slot["record_id"]] != (slot["provenance"]["round"], slot["provenance"]["attempt"])
    ]
    assert asked_again == []
    assert summary["llm_calls"] == len(calls)
    rejects = {reject["reject_id"] for reject in documents(program.home, "rejects")}
    accepted = {f"{s['record_id']}-{s['provenance']['round']}-{s['provenance']['attempt']}" for s in slots}
    answered = {attempt for call in calls if call["status"] == 200 for attempt in call["attempt_ids"]}
    assert rejects | accepted == answered, "each answered attempt is a record or a reject"
    assert not rejects & accepted
