"""Streams of events over real sockets: a client that leaves, a process that stops, and another that goes on."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.api_process import start_api
from tests.support.jobs import recipe
from tests.support.wait import until

pytestmark = pytest.mark.integration


@pytest.fixture
def key(tmp_path: Path) -> str:
    command = [sys.executable, "-m", "synthmill", "keys", "create", "--scopes", "all"]
    environment = {**os.environ, "SYNTHMILL_HOME": str(tmp_path / "home")}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()


def ids(lines: Iterator[str], last: str) -> list[str]:
    """Ids of frames up to one of an event with that name."""
    found = []
    for line in lines:
        if line.startswith("id: "):
            found.append(line.removeprefix("id: "))
        if last in line:
            return found
    raise AssertionError(f"{last} never came, only {found}")


def test_a_stream_outlives_its_process_and_misses_nothing(tmp_path: Path, key: str) -> None:
    headers = {"authorization": f"Bearer {key}"}
    with start_api(tmp_path / "home") as first, httpx.Client(base_url=first.url, headers=headers, timeout=30) as client:
        body = {"recipe": recipe().recipe.model_dump(mode="json")}
        job = client.post("/v1/jobs", json=body).raise_for_status().json()["id"]
        path = f"/v1/jobs/{job}/events/stream"
        with client.stream("GET", path) as stream:
            lines = stream.iter_lines()
            seen = ids(lines, "planned")
            first.process.send_signal(signal.SIGTERM)
            assert not [line for line in lines if line.startswith("event: end")]
        assert first.process.wait(10) == 0, "a stream that is open does not hold it up"
    with start_api(tmp_path / "home") as next_, httpx.Client(base_url=next_.url, headers=headers, timeout=30) as client:
        client.post(f"/v1/jobs/{job}/cancel").raise_for_status()
        with client.stream("GET", path, headers={"last-event-id": seen[-1]}) as stream:
            more = ids(stream.iter_lines(), "event: end")
        whole = client.get(path).text
    everything = ids(iter(whole.splitlines()), "event: end")
    assert _count(everything) == _count(seen) + _count(more)


def _count(found: list[str]) -> int:
    return len([id_ for id_ in found if not id_.endswith(".end")])


def test_a_client_that_leaves_leaves_nothing_behind(tmp_path: Path, key: str) -> None:
    headers = {"authorization": f"Bearer {key}"}
    with start_api(tmp_path / "home") as api, httpx.Client(base_url=api.url, headers=headers, timeout=30) as client:
        body: dict[str, Any] = {"recipe": recipe().recipe.model_dump(mode="json")}
        job = client.post("/v1/jobs", json=body).raise_for_status().json()["id"]
        with client.stream("GET", f"/v1/jobs/{job}/events/stream") as stream:
            lines = stream.iter_lines()
            ids(lines, "planned")
            assert _in_flight(client) == 2  # the stream, and the question itself
        until(lambda: _in_flight(client) == 1, "the stream to be closed")


def _in_flight(client: httpx.Client) -> int:
    lines = client.get("/metrics").text.splitlines()
    return int(float(next(line.split()[-1] for line in lines if line.startswith("synthmill_api_requests_in_flight "))))
