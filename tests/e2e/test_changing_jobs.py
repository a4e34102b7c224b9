"""A job that is changed after its end, from the command line: refused slots by another model, then more records."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.facts import documents, job_document
from tests.support.program import Program
from tests.support.provider import start_provider

pytestmark = pytest.mark.e2e

RECIPE = """
version: 1
name: notes
seed: 4
target: {records: 8, max_attempts: 1}
model: {route: mock/one, parameters: {offline: {refuse: 0.5}}}
columns:
  - {name: customer, kind: sampler, sampler: {type: uuid}}
  - {name: note, kind: llm, prompt: "A note about customer {{ customer }}."}
"""


def slots(home: Path) -> dict[int, dict[str, Any]]:
    return {slot["slot"]: slot for slot in documents(home, "slots")}


def routes(home: Path) -> dict[int, str]:
    """Of the records that are there."""
    return {n: slot["provenance"]["route"] for n, slot in slots(home).items() if slot["state"] == "accepted"}


def test_refused_slots_are_retried_by_another_model_and_the_job_is_extended(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "prompt.txt").write_text("Two words about {{ customer }}.")
    with start_provider(tmp_path) as provider:
        program = Program(tmp_path / "home")
        url = ("--base-url", f"{provider.url}/v1")
        ran = program.run("run", "recipe.yaml", *url, "--job-id", "job-1", "--direct", "--json")
        assert ran.summary["state"] == "failed", ran.err
        first = routes(program.home)
        assert 0 < len(first) < 8

        program.run("retry", "job-1", "--class", "refusal", "--model", "mock/two", "--prompt", "note=prompt.txt")
        second = routes(program.home)
        assert len(second) > len(first)
        assert {n: route for n, route in second.items() if n in first} == first
        assert {route for n, route in second.items() if n not in first} == {"mock/two"}
        (revision,) = job_document(program.home, "job-1").revisions
        assert revision.prompts == {"note": "Two words about {{ customer }}."}
        hashes = {n: slot["provenance"]["recipe_hash"] for n, slot in slots(program.home).items() if n in second}
        assert {hashes[n] for n in second if n not in first} == {revision.recipe_hash}
        assert revision.recipe_hash not in {hashes[n] for n in first}

        before = slots(program.home)
        program.run("extend", "job-1", "-n", "11", "--json")
        after = slots(program.home)
        assert sorted(after) == list(range(11))
        assert {n: slot for n, slot in after.items() if n in second} == {n: before[n] for n in second}

        bad = program.run("retry", "job-1", "--prompt", "essay=prompt.txt")
        assert bad.code == 2
        assert "prompts.essay" in bad.err
        assert program.run("extend", "job-1", "-n", "3").code == 2
