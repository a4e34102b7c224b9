"""The stack's services on real servers: memory at two sizes of a job, records a second with one and two consumers.

The provider is pretended and lets each call wait, so these are our own costs. Needs the servers of `make stack`.
"""

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Figure
from tests.support.installation import installation
from tests.support.native import tell_environment
from tests.support.provider import start_provider
from tests.support.services import Service
from tests.support.stack_jobs import recipe, rows

_BATCH = 4
_LATENCY_MS = 100
_SMALL, _BIG = 1_000, 100_000
_FLAT = 1.15
"""What the big job may cost of the small one's memory; and what either may cost at most, in MiB."""
_MOST_MIB = {"worker": 400, "consumer": 100}
_THROUGHPUT_RECORDS = 5_000
_PATIENCE_SECONDS = 3_600


@dataclass(frozen=True, slots=True)
class _Run:
    """One job: `peaks` in MiB and `cpu` in seconds by service, `seconds` from its order to its last record."""

    peaks: dict[str, float]
    cpu: dict[str, float]
    seconds: float


def memory() -> list[Figure]:
    """Peak resident memory of worker and consumer; each size has processes of its own."""
    small, big = _run(_SMALL, consumers=1), _run(_BIG, consumers=1)
    figures = []
    for name, most in _MOST_MIB.items():
        before, after = small.peaks[f"{name}-1"], big.peaks[f"{name}-1"]
        verdict = "flat" if after <= _FLAT * before and after <= most else "TOO MUCH"
        note = f"ratio {after / before:.2f} of {_FLAT}, at most {most} MiB: {verdict}"
        figures.append(Figure(f"{name}, {_SMALL:,} and {_BIG:,} slots", f"{before:.1f} and {after:.1f} MiB", note))
    rate = f"{_BIG / big.seconds:,.0f} records/s on the way"
    return [*figures, Figure(f"{_BIG:,} rows to {_BIG:,} records", f"{big.seconds:.0f} s", rate)]


def throughput() -> list[Figure]:
    """The same job with one consumer and with two."""
    return [_rate(number, _run(_THROUGHPUT_RECORDS, consumers=number)) for number in (1, 2)]


def _rate(consumers: int, run: _Run) -> Figure:
    spent = {kind: sum(cpu for name, cpu in run.cpu.items() if name.startswith(kind)) for kind in _MOST_MIB}
    each = ", ".join(f"{kind} {1_000 * cpu / _THROUGHPUT_RECORDS:.2f}" for kind, cpu in spent.items())
    name = f"{_THROUGHPUT_RECORDS:,} records, {consumers} consumer{'s' if consumers > 1 else ''}"
    return Figure(name, f"{_THROUGHPUT_RECORDS / run.seconds:,.0f} records/s", f"ms CPU a record: {each}; {_load()}")


def _run(records: int, *, consumers: int) -> _Run:
    tell_environment()
    with (
        tempfile.TemporaryDirectory() as folder,
        start_provider(Path(folder), latency_ms=_LATENCY_MS) as provider,
        installation(Path(folder), provider.url, consumers=consumers) as mill,
    ):
        source = mill.client.upload("products.csv", rows(records))
        began = time.monotonic()
        job_id = mill.client.order(recipe(batch=_BATCH), source)
        mill.client.completed(job_id, records, seconds=_PATIENCE_SECONDS)
        seconds = time.monotonic() - began
        services = [*mill.workers, *mill.consumers]
        return _Run(_peaks(services), {service.name: _cpu_seconds(service.pid) for service in services}, seconds)


def _peaks(services: Sequence[Service]) -> dict[str, float]:
    return {service.name: service.peak_kib() / 1_024 for service in services}


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _load() -> str:
    return f"load {os.getloadavg()[0]:.1f}"
