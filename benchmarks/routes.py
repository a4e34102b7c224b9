"""Status, query and upload under `wrk`, each beside a bare FastAPI route that returns the same bytes, in one run.

On the stack: real servers stand behind the API. Needs Debian's `wrk`; everything talks over the loopback alone.
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Figure
from synthmill.settings import Settings
from synthmill.stack import open_stack
from tests.support.calls import call_write
from tests.support.installation import Installation, installation
from tests.support.made import made_job, poems
from tests.support.native import tell_environment
from tests.support.services import Service, free_port

_SECONDS = int(os.environ.get("BENCH_WRK_SECONDS", "10"))
_CONNECTIONS = 8
_RECORDS = 2_000
_UPLOAD_ROWS = 4_000  # about 100 KB
_JOB = "measured"
_MODEL = "http://127.0.0.1:9"  # never called
_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1_000.0, "m": 60_000.0}

_UPLOAD = """\
local rows = {{}}
for number = 1, {rows} do rows[number] = number .. ",a product,of some price\\n" end
local body, sent, thread = "sku,title,price\\n" .. table.concat(rows), 0, tostring({{}}):sub(8)
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/octet-stream"
request = function()
  sent = sent + 1
  return wrk.format(nil, nil, nil, thread .. "," .. sent .. ",0\\n" .. body)
end
"""


@dataclass(frozen=True, slots=True)
class _Route:
    """What is asked of ours; `script` makes wrk's requests where they are not plain GETs."""

    name: str
    path: str
    script: Path | None = None


@dataclass(frozen=True, slots=True)
class _Load:
    """Requests a second, and milliseconds that half and all but one in a hundred of them took at most."""

    rate: float
    median: float
    slow: float
    failed: int


def figures() -> list[Figure]:
    """Both sides of each route one after the other, so that what else the machine does weighs on both."""
    tell_environment()
    with (
        tempfile.TemporaryDirectory() as folder,
        installation(Path(folder), _MODEL, workers=0, consumers=0) as mill,
    ):
        asyncio.run(_records(mill.settings))
        script = Path(folder) / "upload.lua"
        script.write_text(_UPLOAD.format(rows=_UPLOAD_ROWS))
        routes = [
            _Route("status", f"/v1/jobs/{_JOB}"),
            _Route("query", f"/v1/jobs/{_JOB}/records?q=poem&filter=colour%3Dred&limit=20"),
            _Route("upload", "/v1/sources?name=rows.csv", script),
        ]
        with _bare(Path(folder), _bodies(mill, routes)) as bare:
            return [figure for route in routes for figure in _side_by_side(mill, bare, route)]


async def _records(settings: Settings) -> None:
    async with open_stack(settings) as services:
        job = await made_job(services, poems(_RECORDS), job_id=_JOB)
        facts = {
            "dataset": job.dataset,
            "job_id": _JOB,
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "cost_usd": 0.01,
        }
        await services.store.bulk([call_write(job.tenant, number, **facts) for number in range(_RECORDS)])


def _bodies(mill: Installation, routes: list[_Route]) -> Mapping[str, bytes]:
    """What ours answers, for the bare routes to answer the same."""
    bodies = {}
    for route in routes:
        content = b"a,b\n1,2\n"
        answer = (
            mill.client.http.post(route.path, content=content) if route.script else mill.client.http.get(route.path)
        )
        bodies[route.name] = answer.raise_for_status().content
    return bodies


@contextmanager
def _bare(folder: Path, bodies: Mapping[str, bytes]) -> Iterator[Service]:
    place, port = folder / "bare", free_port()
    place.mkdir()
    for name, body in bodies.items():
        (place / name).write_bytes(body)
    command = [sys.executable, "-m", "benchmarks.bare_api", str(place), str(port)]
    service = Service("bare", command, dict(os.environ), folder / "bare.log", port)
    service.start()
    try:
        service.until_ready()
        yield service
    finally:
        service.end()


def _side_by_side(mill: Installation, bare: Service, route: _Route) -> Iterator[Figure]:
    theirs = _wrk(f"{bare.url}/{route.name}", {}, route.script)
    ours = _wrk(
        f"{mill.api.url}{route.path}", {"Authorization": mill.client.http.headers["authorization"]}, route.script
    )
    note = f"load {os.getloadavg()[0]:.1f}"
    yield Figure(f"{route.name}, bare FastAPI", _shown(theirs), note)
    failed = f"; {ours.failed} FAILED" if ours.failed else ""
    times = f"{theirs.rate / ours.rate:.1f} times the requests, {ours.median / theirs.median:.1f} times the median"
    yield Figure(f"{route.name}, ours", _shown(ours), f"bare: {times}{failed}")


def _shown(load: _Load) -> str:
    return f"{load.rate:,.0f}/s, half in {load.median:.1f} ms, 99 % in {load.slow:.0f} ms"


def _wrk(url: str, headers: Mapping[str, str], script: Path | None) -> _Load:
    command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{_SECONDS}s", "--timeout", "30s", "--latency"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    if script is not None:
        command += ["-s", str(script)]
    said = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    return _read(said)


def _read(said: str) -> _Load:
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    if rate is None:
        raise RuntimeError(f"wrk said no rate:\n{said}")
    return _Load(float(rate[1]), _latency(said, "50"), _latency(said, "99"), int(failed[1]) if failed else 0)


def _latency(said: str, percent: str) -> float:
    found = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s|m)\s*$", said, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"wrk said no latency of {percent} %:\n{said}")
    return float(found[1]) * _MILLISECONDS[found[2]]
