"""Runs the support-tickets example and shows what came out: sample records, what to try next, where the time went."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

EXAMPLE = Path("examples/support-tickets")
HOME = Path(".synthmill/demo")
OUT = Path("out/demo")
JOB = "demo"
SAMPLES = (0, 71, 142)
WIDTH = 100

NEXT = """\
What to try next
  export PATH="$PWD/.venv/bin:$PATH"                      the program is `synthmill`
  synthmill run examples/patients/recipe.yaml             a dataset without an input file
  synthmill init examples/support-tickets/products.csv    a starter recipe for a file of yours
  synthmill preview examples/support-tickets/recipe.yaml --input examples/support-tickets/products.csv \\
      --model openai/gpt-5-mini                           three records of a real model (needs OPENAI_API_KEY)
"""


def main() -> int:
    """Answers the exit code of `synthmill run`."""
    for folder in (HOME, OUT):
        shutil.rmtree(folder, ignore_errors=True)
    started = time.time()
    code = synthmill("run", str(EXAMPLE / "recipe.yaml"), "--input", str(EXAMPLE / "products.csv"))
    ended = time.time()
    if code == 0:
        print(samples())
        print(NEXT)
        print(seconds(started, ended))
    return code


def synthmill(*arguments: str) -> int:
    """Runs the program with its output going where ours goes."""
    options = ["--job-id", JOB, "--out", str(OUT)]
    return subprocess.run([*program(), *arguments, *options], env=environment(), check=False).returncode


def program() -> list[str]:
    """The program of this checkout."""
    return [sys.executable, "-m", "synthmill"]


def environment() -> dict[str, str]:
    """Ours, with the demo's own home folder."""
    return {**os.environ, "SYNTHMILL_HOME": str(HOME)}


def samples() -> str:
    """A few records, so far as they fit a screen."""
    records = [json.loads(line) for line in (OUT / "support-tickets.jsonl").read_text(encoding="utf-8").splitlines()]
    return "\n".join(shown(number, records[number]) for number in SAMPLES)


def shown(number: int, record: dict[str, object]) -> str:
    """One ticket in three lines: what was drawn, what was computed, what the model wrote."""
    drawn = ", ".join(str(record[name]) for name in ("channel", "topic", "issue"))
    body = textwrap.shorten(str(field(record, "ticket", "body")), WIDTH - 2, placeholder=" …")
    who = f"{field(record, 'customer', 'name')}, {field(record, 'customer', 'city')}"
    return f"Record {number}: {record['headline']}\n  {drawn}; priority {record['priority']}; {who}\n  {body}\n"


def field(record: dict[str, object], column: str, name: str) -> object:
    """A member of a column that holds an object."""
    value = record[column]
    return value[name] if isinstance(value, dict) else None


def seconds(started: float, ended: float) -> str:
    """Where the time went, from the job's own events."""
    marks = [
        ("start the program, send the job", "job.published"),
        ("start worker, gateway and flow; read the file", "source.stored"),
        ("plan, generate", "job.completed"),
    ]
    at = dict(events())
    rows: list[tuple[str, float]] = []
    for what, event in marks:
        if event in at:
            rows.append((what, at[event] - started))
            started = at[event]
    rows.append(("check, write the files, close the flow run, stop the services", ended - started))
    lines = [f"  {took:5.1f} s  {what}" for what, took in rows]
    return "\n".join(["Where the time went", *lines, f"  {sum(took for _, took in rows):5.1f} s  altogether"])


def events() -> Iterator[tuple[str, float]]:
    """Names and moments of what happened to the job."""
    command = [*program(), "logs", JOB, "--json"]
    listed = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        event = json.loads(line)
        yield event["name"], datetime.fromisoformat(event["at"]).timestamp()


if __name__ == "__main__":
    sys.exit(main())
