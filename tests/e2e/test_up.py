"""`synthmill up` as a Prefect user meets it: runs ordered over REST, killed in the middle, gone on with, stopped."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.client import Client
from tests.support.readme import made_key, pasted
from tests.support.repository import ROOT
from tests.support.services import free_port
from tests.support.wait import until

pytestmark = pytest.mark.e2e

EXAMPLE = ROOT / "examples" / "support-tickets"
READY_SECONDS = 180.0
RUN_SECONDS = 150.0
MANY = 3_000


@dataclass
class Up:
    """A running `synthmill up` and its Prefect API."""

    process: "subprocess.Popen[bytes]"
    log: Path
    api: httpx.Client
    rest: str

    def order(self, key: str, records: int) -> tuple[int, str]:
        """Status and id of the run, as Prefect's own REST API answers."""
        deployment = self.api.get("deployments/name/generate-dataset/default").raise_for_status().json()["id"]
        order = {
            "recipe": str(EXAMPLE / "recipe.yaml"),
            "inputs": [str(EXAMPLE / "products.csv")],
            "records": records,
            "out": f"out-{key}",
        }
        body = {"parameters": {"order": order}, "idempotency_key": key, "state": {"type": "SCHEDULED"}}
        answer = self.api.post(f"deployments/{deployment}/create_flow_run", json=body)
        return answer.status_code, str(answer.json()["id"])

    def state(self, run: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api.get(f"flow_runs/{run}").raise_for_status().json()
        return found

    def until_state(self, run: str, type_: str) -> None:
        until(lambda: self.state(run)["state"]["type"] == type_, f"run {run} to be {type_}", seconds=RUN_SECONDS)

    def take_the_readmes_request(self, home: Path) -> None:
        """As it is written there, in a shell, at this port; its job comes to all its records."""
        key = made_key(environment(home))
        with closing(Client(self.rest, key)) as client:
            client.completed(pasted(self.rest, key), 5)

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


def environment(home: Path) -> dict[str, str]:
    hidden = ("SYNTHMILL_", "PREFECT_", "PYTHONDONTWRITEBYTECODE")
    own = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    return own | {"SYNTHMILL_HOME": str(home), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


@contextmanager
def up(folder: Path) -> Iterator[Up]:
    """Started in the folder and ready; whatever is left of it is ended."""
    port, rest, log = free_port(), free_port(), folder / "up.log"
    command = [sys.executable, "-m", "synthmill", "up", "--prefect-port", str(port), "--api-port", str(rest)]
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=folder, env=environment(folder / "home"), stderr=file, stdout=file)
    try:
        until(lambda: _ready(process, log), "synthmill up to be ready", seconds=READY_SECONDS)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/", timeout=60, trust_env=False) as api:
            yield Up(process, log, api, f"http://127.0.0.1:{rest}")
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


def _ready(process: "subprocess.Popen[bytes]", log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    return "ready;" in log.read_text()


def processes_of(folder: Path) -> list[str]:
    """Command lines of processes that work for the installation in the folder."""
    mark = f"SYNTHMILL_HOME={folder / 'home'}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark in (entry / "environ").read_bytes():
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
    return found


@pytest.mark.timeout(600)
def test_runs_are_ordered_once_survive_a_kill_and_a_stop_and_nothing_is_left(tmp_path: Path) -> None:
    with up(tmp_path) as first:
        made, killed = first.order("killed", MANY)
        assert made == 201
        assert first.order("killed", MANY) == (200, killed)
        first.until_state(killed, "RUNNING")
        first.stop(signal.SIGKILL)
    until(lambda: processes_of(tmp_path) == [], "the end of what the killed one had started", seconds=60)

    with up(tmp_path) as second:
        second.until_state(killed, "COMPLETED")
        slots = [record["slot"] for record in _lines(tmp_path / "out-killed" / "support-tickets.lineage.jsonl")]
        assert sorted(slots) == list(range(MANY))
        second.take_the_readmes_request(tmp_path / "home")
        _, stopped = second.order("stopped", MANY)
        second.until_state(stopped, "RUNNING")
        assert second.stop(signal.SIGTERM) == 0
    assert processes_of(tmp_path) == []
    assert _state_kept(tmp_path / "home", stopped) == "AwaitingRetry"


def _state_kept(home: Path, run: str) -> str:
    """As the next start will find it."""
    with closing(sqlite3.connect(home / "prefect" / "prefect.db")) as database:
        ((state,),) = database.execute("SELECT state_name FROM flow_run WHERE id = ?", (run,)).fetchall()
        return str(state)


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]
