"""SIGKILL to every process in the middle of a job, then `synthmill resume`: all records, none twice, little paid twice.

The provider is a process of its own and is not killed; its append-only log is the witness of what was paid.
"""

import random
from pathlib import Path

import pytest

from synthmill.settings import Settings
from tests.support.facts import assert_sound, documents, paid_twice
from tests.support.killing import answered, random_seeds
from tests.support.program import Program
from tests.support.provider import start_provider
from tests.support.wait import until

RECORDS = 2_000
BATCH = 2
AT_LEAST = 200  # answers between two kills: more than the calls in flight, which the provider still answers

RECIPE = f"""
version: 1
name: killed
seed: 11
batch: {BATCH}
target: {{records: {RECORDS}}}
model: {{route: mock/one}}
columns:
  - {{name: topic, kind: sampler, sampler: {{type: category, values: [billing, delivery, returns]}}}}
  - {{name: customer, kind: sampler, sampler: {{type: uuid}}}}
  - name: ticket
    kind: llm
    prompt: "A support ticket of customer {{{{ customer }}}} about {{{{ topic }}}}."
    schema:
      type: object
      properties:
        subject: {{type: string, minLength: 10}}
        body: {{type: string, minLength: 40}}
        priority: {{enum: [low, normal, high]}}
      required: [subject, body, priority]
"""


def kill_in_the_middle_and_resume(tmp_path: Path, seed: int, *, direct: bool) -> None:
    print(f"repeat with SYNTHMILL_TEST_SEED={seed}")
    chance = random.Random(seed)
    kills = chance.choice([1, 2])
    moments = sorted(chance.sample(range(RECORDS // 20, RECORDS * 3 // 4), kills))
    mode = ["--direct"] if direct else []
    program = Program(tmp_path / "home")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE)
    with start_provider(tmp_path, latency_ms=250) as provider:
        command: list[str | Path] = ["run", recipe, "--base-url", provider.url, "--json", *mode]
        for moment in moments:
            # counted from now: what was under way at the last kill is still being answered
            awaited = max(moment, len(answered(provider)) + AT_LEAST)
            with program.started(*command) as process:
                until(lambda n=awaited: len(answered(provider)) >= n, f"{awaited} answers")
                killed = program.kill_all()
                assert len(killed) >= 3, "worker, bridge and consumer at least were there to be killed"
                process.wait(30)
            stored = documents(program.home, "slots")
            assert len(stored) < RECORDS, "the kill came too late to matter"
            command = ["resume", documents(program.home, "jobs")[0]["job_id"], "--json", *mode]
        result = program.run(*command)
        assert result.code == 0, result.err
        summary = result.summary
        assert (summary["requested"], summary["accepted"], summary["pending"]) == (RECORDS, RECORDS, 0)
        assert_sound(program.home, summary["job_id"], RECORDS)
        settings = Settings()
        bound = kills * settings.consumer.prefetch * BATCH + settings.worker.publish_chunk * BATCH
        twice = paid_twice(answered(provider))
        print(f"seed {seed}: {kills} kills at {moments} answers, {twice} answers paid twice, bound {bound}")
        assert twice <= bound


@pytest.mark.e2e
@pytest.mark.parametrize("seed", random_seeds(2))
def test_all_records_are_there_after_every_process_was_killed(tmp_path: Path, seed: int) -> None:
    kill_in_the_middle_and_resume(tmp_path, seed, direct=True)


@pytest.mark.e2e
@pytest.mark.parametrize("seed", random_seeds(1))
def test_all_records_are_there_after_the_flow_was_killed_too(tmp_path: Path, seed: int) -> None:
    kill_in_the_middle_and_resume(tmp_path, seed, direct=False)


@pytest.mark.long
@pytest.mark.e2e
@pytest.mark.parametrize("seed", random_seeds(20))
def test_all_records_are_there_after_each_of_many_kills(tmp_path: Path, seed: int) -> None:
    kill_in_the_middle_and_resume(tmp_path, seed, direct=True)
