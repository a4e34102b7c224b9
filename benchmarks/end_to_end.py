"""Records per second from recipe to files on the embedded profile: gateway, queue, consumer, store and export."""

import json
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Figure, Times, run

_SIZES = (200, 2_000, 10_000)
_RECIPE = """\
version: 1
name: bench
seed: 1
model: {route: offline/fake-1}
batch: 4
columns:
  - {kind: sampler, name: topic, sampler: {type: category, values: [delivery, defect, usage, billing]}}
  - {kind: sampler, name: customer, sampler: {type: person}}
  - kind: llm
    name: message
    prompt: "Write a message of {{ customer.name }} about {{ topic }}."
    schema:
      type: object
      additionalProperties: false
      required: [subject, body, mood]
      properties:
        subject: {type: string, maxLength: 100}
        body: {type: string, minLength: 60, maxLength: 900}
        mood: {enum: [calm, annoyed, angry]}
"""


def figures() -> list[Figure]:
    """Whole runs without Prefect, at several sizes; the slope between the last two leaves the start out."""
    runs = {records: _job(records) for records in _SIZES}
    lines = [
        Figure(f"{records:,} records, `synthmill run --direct`", f"{t.wall:.1f} s", _note(records, t))
        for records, t in runs.items()
    ]
    small, big = _SIZES[-2:]
    slope = (big - small) / (runs[big].wall - runs[small].wall)
    return [*lines, Figure(f"between {small:,} and {big:,}", f"{slope:,.0f} records/s", "starts and stops left out")]


def _note(records: int, times: Times) -> str:
    return f"{records / times.wall:,.0f} records/s, {1_000 * times.cpu / records:.1f} ms CPU a record"


def _job(records: int) -> Times:
    with tempfile.TemporaryDirectory() as folder:
        recipe = Path(folder) / "recipe.yaml"
        recipe.write_text(_RECIPE)
        out = Path(folder) / "out"
        command = [sys.executable, "-m", "synthmill", "run", str(recipe), "--records", str(records)]
        environment = {"SYNTHMILL_HOME": str(Path(folder) / "home")}
        times = run([*command, "--direct", "--out", str(out)], environment=environment)
        written = (out / "bench.jsonl").read_text().splitlines()
        if len({json.dumps(json.loads(line), sort_keys=True) for line in written}) != records:
            raise RuntimeError(f"{out} does not hold {records} different records")
        return times
