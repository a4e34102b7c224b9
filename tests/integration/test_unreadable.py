"""What is no HTTP request gets a problem as well, and the next one its answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from synthmill.settings import Settings
from synthmill_api.config import ApiConfig
from tests.support.served_api import Served, served


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(Settings(home=tmp_path / "home"), ApiConfig()) as running:
        yield running


@pytest.mark.parametrize(
    "sent",
    [b"\x16\x03\x01\x02\x00", b"HELLO\r\n\r\n", b"GET /v1/jobs?q=" + 70_000 * b"a" + b" HTTP/1.1\r\n\r\n"],
    ids=["tls", "no request", "too long"],
)
async def test_bytes_that_are_no_request_get_a_problem(running: Served, sent: bytes) -> None:
    url = httpx.URL(running.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(sent + b"\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in head
    problem = json.loads(body)
    assert (problem["status"], problem["code"]) == (400, "unreadable_request")
    assert "64 KiB" in problem["detail"]
    async with httpx.AsyncClient(base_url=running.url) as client:
        assert (await client.get("/readyz")).status_code == 200
