"""Streams of all records out of the API as its own process: records a second, peak memory, equality with the index.

`EXPORT_RECORDS` sets how many. The stack's variant needs the servers of `make stack`; both write the records straight
into the store.
"""

import asyncio
import hashlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.measure import Figure
from synthmill.ports.records import Collection, Document, Place, Write, WriteMode
from synthmill.services import Services
from synthmill_schemas.ids import ACCEPTED_RANK
from tests.support import stack
from tests.support.api_process import start_api
from tests.support.installation import environment_of, settings_on
from tests.support.jobs import accepted
from tests.support.made import made_job
from tests.support.native import tell_environment
from tests.support.profiles import opened

_RECORDS = int(os.environ.get("EXPORT_RECORDS", "1_000_000"))
_FEW = 10_000
_BATCH = 2_000
_FLAT = 1.15
"""What the large export may take of the small one's memory."""
_DATASET = "colours"
_FORMATS = ("csv", "parquet", "arrow")
_PATIENCE_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True)
class _Sum:
    """How many records, and a checksum of their ids and contents that knows no order."""

    records: int = 0
    checksum: int = 0

    def with_one(self, id_: str, data: Document) -> "_Sum":
        text = id_ + json.dumps(data, sort_keys=True, ensure_ascii=False)
        value = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")
        return _Sum(self.records + 1, (self.checksum + value) % (1 << 128))


def embedded() -> list[Figure]:
    """From SQLite."""
    return asyncio.run(_measured("embedded"))


def on_stack() -> list[Figure]:
    """From Elasticsearch."""
    tell_environment()
    return asyncio.run(_measured("stack"))


async def _measured(profile: str) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            async with opened(profile, folder, folder, "default") as services:
                sizes = {"few": _FEW, "all": _RECORDS}
                indexed = {job: await _filled(services, job, count) for job, count in sizes.items()}
                return await asyncio.to_thread(_exported, profile, folder, indexed)
        finally:
            if profile == "stack":
                await stack.remove_indices(str(folder))


async def _filled(services: Services, job_id: str, count: int) -> _Sum:
    """A job of so many records, read back from the index."""
    await made_job(services, job_id=job_id, records=count)
    slots, records = (Place("default", kind, _DATASET) for kind in (Collection.SLOTS, Collection.RECORDS))
    template = accepted(job_id, 0).model_dump(mode="json")
    for first in range(0, count, _BATCH):
        documents = [_document(template, job_id, slot) for slot in range(first, min(count, first + _BATCH))]
        await services.store.bulk(
            [Write(slots, each["record_id"], each, WriteMode.RANKED, ACCEPTED_RANK) for each in documents]
        )
    await services.store.visible(records)
    found = _Sum()
    async for stored in services.store.scan(records, {"job_id": job_id}):
        found = found.with_one(stored.id, stored.document["data"])
    return found


def _document(template: Document, job_id: str, slot: int) -> Document:
    poem = f"poem {slot} of {job_id}: " + hashlib.sha256(str(slot).encode()).hexdigest() * 4
    data = {"colour": "red" if slot % 2 else "blue", "poem": poem}
    return {**template, "record_id": f"{job_id}-{slot}", "slot": slot, "content_hash": f"{slot:064x}", "data": data}


def _exported(profile: str, folder: Path, indexed: Mapping[str, _Sum]) -> list[Figure]:
    environment = {"SYNTHMILL_API__SECRET": secrets.token_hex(32)}
    if profile == "stack":
        environment |= environment_of(settings_on(folder, indices=folder))
    home = folder / "home"
    with (
        start_api(home, **environment) as api,
        httpx.Client(base_url=api.url, timeout=_PATIENCE_SECONDS, headers=_key(home, environment)) as client,
    ):
        pid = api.process.pid
        _compared(client, "few", indexed["few"])
        before, cpu = _peak_mib(pid), _cpu_seconds(pid)
        took = _compared(client, "all", indexed["all"])
        after, cpu = _peak_mib(pid), _cpu_seconds(pid) - cpu
        others = [_timed(client, pid, form) for form in _FORMATS]
        last = _peak_mib(pid)
    verdict = "flat" if after <= _FLAT * before else "TOO MUCH"
    return [
        Figure(f"export, {profile}, {_RECORDS:,} records", f"{_RECORDS / took:,.0f} records/s", _cost(cpu)),
        Figure("the same, against the index", "count and checksum equal"),
        Figure(
            f"peak memory of the API at {_FEW:,} and at all",
            f"{before:.0f} and {after:.0f} MiB",
            f"ratio {after / before:.2f} of {_FLAT}: {verdict}",
        ),
        *others,
        Figure("peak memory behind all formats", f"{last:.0f} MiB", "pyarrow included"),
    ]


def _cost(cpu: float) -> str:
    return f"{1e6 * cpu / _RECORDS:.0f} µs CPU of the API a record; load {os.getloadavg()[0]:.1f}"


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_mib(pid: int) -> float:
    (line,) = (each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1]) / 1_024


def _key(home: Path, environment: Mapping[str, str]) -> dict[str, str]:
    command = [sys.executable, "-m", "synthmill", "keys", "create", "--scopes", "all"]
    inherited = {**os.environ, "SYNTHMILL_HOME": str(home), **environment}
    made = subprocess.run(command, env=inherited, capture_output=True, text=True, check=True)
    return {"authorization": f"Bearer {made.stdout.strip()}"}


def _compared(client: httpx.Client, job_id: str, indexed: _Sum) -> float:
    """Seconds of a stream that holds exactly what the index has."""
    began, found = time.monotonic(), _Sum()
    for line in _lines(client, job_id):
        record = json.loads(line)
        found = found.with_one(record.pop("_record_id"), record)
    if found != indexed:
        raise RuntimeError(f"the export has {found}, the index {indexed}")
    return time.monotonic() - began


def _lines(client: httpx.Client, job_id: str) -> Iterator[str]:
    with client.stream("GET", f"/v1/jobs/{job_id}/export") as response:
        response.raise_for_status()
        yield from response.iter_lines()


def _timed(client: httpx.Client, pid: int, form: str) -> Figure:
    began, cpu, size = time.monotonic(), _cpu_seconds(pid), 0
    with client.stream("GET", "/v1/jobs/all/export", params={"format": form}) as response:
        response.raise_for_status()
        for chunk in response.iter_raw():
            size += len(chunk)
    rate = _RECORDS / (time.monotonic() - began)
    return Figure(f"the same, {form}", f"{rate:,.0f} records/s", f"{size >> 20} MiB, {_cost(_cpu_seconds(pid) - cpu)}")
