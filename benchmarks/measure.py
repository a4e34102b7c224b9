"""Runs a command several times and keeps the times; prints one table for all benchmarks."""

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_HIDDEN = {"PYTHONDONTWRITEBYTECODE"}  # with it set every start compiles its imports anew


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    what: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Times:
    """Wall and CPU seconds of one run, its children included."""

    wall: float
    cpu: float


def run(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Times:
    """Runs a command to its end; a failure is raised with what it said."""
    before, started = _children_cpu(), time.perf_counter()
    run_for_output(command, environment=environment)
    return Times(time.perf_counter() - started, _children_cpu() - before)


def run_for_output(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> str:
    """The same for what it writes to stdout."""
    inherited = {name: value for name, value in os.environ.items() if name not in _HIDDEN}
    done = subprocess.run(command, capture_output=True, text=True, env={**inherited, **(environment or {})})
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-2_000:]}")
    return done.stdout


def repeated(command: Sequence[str], times: int) -> Times:
    """The median run of several, after one that warms caches."""
    run(command)
    runs = [run(command) for _ in range(times)]
    return Times(statistics.median(r.wall for r in runs), statistics.median(r.cpu for r in runs))


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def table(figures: Sequence[Figure]) -> str:
    """A Markdown table."""
    rows = [f"| {figure.what} | {figure.value} | {figure.note} |" for figure in figures]
    return "\n".join(["| measured | value | note |", "|---|---|---|", *rows])
