"""The release gate over real records in a store: seconds and peak memory at two sizes, in processes of their own.

Run as a program with a number it makes that many records, judges them and prints what it took as JSON.
"""

import asyncio
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Figure, run_for_output
from synthmill.embedded import open_embedded
from synthmill.settings import Settings
from synthmill_flows.gate.run import run_gate
from synthmill_schemas.gate_report import Verdict
from tests.support.gated import finished_job, recipe
from tests.support.jobs import TENANT

_SMALL, _BIG = 1_000, 100_000
_FLAT = 1.15
"""What the big one may take of the small one's memory."""


def figures() -> list[Figure]:
    """Judging alone; making the records is left out, except in the memory."""
    small, big = _judged(_SMALL), _judged(_BIG)
    ratio = big["peak_mib"] / small["peak_mib"]
    flat = f"ratio {ratio:.2f} of {_FLAT}: {'flat' if ratio <= _FLAT else 'TOO MUCH'}"
    return [
        _figure(_SMALL, small, "importing great_expectations is most of it"),
        _figure(_BIG, big, f"{big['expectations']:.0f} expectations"),
        Figure("gate, peak memory at both", f"{small['peak_mib']:.0f} and {big['peak_mib']:.0f} MiB", flat),
    ]


def _figure(records: int, took: dict[str, float], note: str) -> Figure:
    return Figure(f"gate, {records:,} records", f"{took['seconds']:.1f} s", f"{took['cpu_seconds']:.1f} s CPU; {note}")


def _judged(records: int) -> dict[str, float]:
    took: dict[str, float] = json.loads(run_for_output([sys.executable, "-m", "benchmarks.gate", str(records)]))
    return took


async def _measure(records: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        async with open_embedded(Settings(home=Path(folder) / "home")) as services:
            await finished_job(services.store, "measured", recipe(target={"records": records}))
            wall, cpu = time.perf_counter(), time.process_time()
            report = await run_gate(services, TENANT, "measured")
            if report.verdict is not Verdict.PASSED:
                raise RuntimeError(f"the records are sound, and the gate says: {report.reason}")
            return {
                "seconds": time.perf_counter() - wall,
                "cpu_seconds": time.process_time() - cpu,
                "expectations": len(report.findings),
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measure(int(sys.argv[1])))))
