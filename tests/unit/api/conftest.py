"""The application on embedded services, and callers with keys of two tenants."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.support.api import Api, started


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with started(tmp_path / "home", max_body_bytes=100_000, max_source_bytes=1_000_000) as running:
        yield running


@pytest.fixture
async def client(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """Every scope, tenant `default`."""
    async with await api.client() as caller:
        yield caller


@pytest.fixture
async def stranger(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """Every scope, another tenant."""
    async with await api.client("acme") as caller:
        yield caller
