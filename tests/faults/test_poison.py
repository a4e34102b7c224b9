"""A request that kills its consumer each time is parked on its third start; those beside it are not."""

import sys
from pathlib import Path

import pytest

from synthmill.bridge.child import find_program
from synthmill.settings import Settings
from tests.support.facts import documents
from tests.support.program import Program
from tests.support.provider import start_provider

RECORDS = 40

RECIPE = f"""
version: 1
name: poisoned
target: {{records: {RECORDS}}}
model: {{route: mock/one}}
columns:
  - name: flavour
    kind: sampler
    sampler: {{type: category, values: [mint, POISON], weights: [{RECORDS - 1}, 1], quota: exact}}
  - {{name: poem, kind: llm, prompt: "A poem about {{{{ flavour }}}}."}}
"""


def fragile_program(folder: Path) -> Path:
    """An executable that starts the fragile consumer with this Python."""
    script = Path(__file__).parents[1] / "support" / "fragile_consumer.py"
    program = folder / "consumer"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    program.chmod(0o755)
    return program


@pytest.mark.e2e
def test_a_poison_request_is_parked_with_evidence_and_the_innocent_are_served(tmp_path: Path) -> None:
    environment = {
        "FRAGILE_CONSUMER": find_program(Settings()),
        "SYNTHMILL_CONSUMER__PROGRAM": str(fragile_program(tmp_path)),
    }
    program = Program(tmp_path / "home", environment)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE)
    with start_provider(tmp_path, latency_ms=20) as provider:
        result = program.run("run", recipe, "--base-url", provider.url, "--direct", "--json")
    assert result.code == 1, result.err
    summary = result.summary
    assert summary["state"] == "completed_with_parked"
    assert (summary["accepted"], summary["parked"], summary["pending"]) == (RECORDS - 1, 1, 0)
    [parked] = [slot for slot in documents(program.home, "slots") if slot["state"] == "parked"]
    assert "began 3 times" in parked["reason"]
