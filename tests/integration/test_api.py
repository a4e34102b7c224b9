"""The API as a process of its own, over real sockets."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.api_process import ApiProcess, start_api
from tests.support.wait import until

pytestmark = pytest.mark.integration


def made_key(home: Path, *options: str) -> str:
    """A key made by the command line."""
    command = [sys.executable, "-m", "synthmill", "keys", "create", "--scopes", "all", *options]
    environment = {**os.environ, "SYNTHMILL_HOME": str(home)}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiProcess]:
    with start_api(tmp_path / "home") as running:
        yield running


@pytest.fixture
def client(api: ApiProcess, tmp_path: Path) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {made_key(tmp_path / 'home')}"}
    with httpx.Client(base_url=api.url, headers=headers, timeout=60) as caller:
        yield caller


def test_the_end_of_stdin_stops_it_in_good_order(api: ApiProcess) -> None:
    assert api.process.stdin is not None
    api.process.stdin.close()
    assert api.process.wait(30) == 0


def test_sigterm_stops_it_in_good_order(api: ApiProcess) -> None:
    api.process.send_signal(signal.SIGTERM)
    assert api.process.wait(30) == 0


def test_a_port_that_is_taken_is_told_in_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "synthmill_api", "--port", str(port)],
            capture_output=True,
            text=True,
            env={**os.environ, "SYNTHMILL_HOME": str(tmp_path / "home")},
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_upload_larger_than_any_buffer_arrives_whole(client: httpx.Client) -> None:
    block = b"a line of text\n" * 70_000
    digest = hashlib.sha256(block * 40).hexdigest()
    response = client.post("/v1/sources", params={"name": "big.txt"}, content=(block for _ in range(40)))
    assert response.status_code == 201
    assert response.json()["sha256"] == digest
    again = client.post("/v1/sources", files={"file": ("big.txt", block * 40)})
    assert again.status_code == 200


def test_an_upload_cut_in_the_middle_leaves_nothing(api: ApiProcess, client: httpx.Client, tmp_path: Path) -> None:
    host, _, port = api.url.removeprefix("http://").partition(":")
    objects = tmp_path / "home" / "objects"
    with socket.create_connection((host, int(port))) as raw:
        head = f"POST /v1/sources?name=x.csv HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000000\r\n"
        raw.sendall(f"{head}Authorization: {client.headers['authorization']}\r\n\r\n".encode() + b"a,b\n" * 75_000)
        until(lambda: [path for path in objects.rglob("*") if path.is_file()], "the upload to begin")
    until(lambda: not [path for path in objects.rglob("*") if path.is_file()], "the upload to be dropped")
    assert client.get("/v1/sources").json()["total"] == 0


def test_an_upload_in_pieces_that_is_cut_in_the_middle_goes_on_where_it_was_cut(
    api: ApiProcess, client: httpx.Client
) -> None:
    host, _, port = api.url.removeprefix("http://").partition(":")
    data = b"a line of text\n" * 700_000
    created = client.post(
        "/v1/uploads", headers={"upload-length": str(len(data)), "upload-metadata": "filename YmlnLnR4dA=="}
    )
    location = created.headers["location"]
    head = (
        f"PATCH {location} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(data)}\r\nUpload-Offset: 0\r\n"
        "Content-Type: application/offset+octet-stream\r\n"
    )
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(f"{head}Authorization: {client.headers['authorization']}\r\n\r\n".encode() + data[:9_000_001])

    def arrived() -> int:
        return int(client.head(location).headers["upload-offset"])

    until(lambda: arrived() == 9_000_001, "what was sent before the cut to be kept")
    headers = {"content-type": "application/offset+octet-stream", "upload-offset": str(arrived())}
    done = client.patch(location, headers=headers, content=data[arrived() :])
    assert done.status_code == 204, done.text
    source = client.get(done.headers["content-location"]).json()
    assert source["sha256"] == hashlib.sha256(data).hexdigest()
