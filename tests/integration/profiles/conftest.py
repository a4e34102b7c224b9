"""Services of both profiles, one after the other."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from synthmill.services import Services
from tests.support import stack
from tests.support.profiles import PROFILES, opened


@pytest.fixture(scope="session")
def shared_indices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the indexes of these tests lie; making them takes longer than a test."""
    place = tmp_path_factory.mktemp("indices")
    yield place
    asyncio.run(stack.remove_indices(str(place)))


@pytest.fixture(params=PROFILES)
def profile(request: pytest.FixtureRequest) -> str:
    """The profile under test."""
    name: str = request.param
    return name


@pytest.fixture
def indices(request: pytest.FixtureRequest, profile: str, tmp_path: Path) -> Path:
    """The shared indexes, when this test needs any."""
    place: Path = request.getfixturevalue("shared_indices") if profile == "stack" else tmp_path
    return place


@pytest.fixture
async def services(profile: str, tmp_path: Path, indices: Path) -> AsyncIterator[Services]:
    """Opened services of a tenant that nobody else has."""
    async with opened(profile, tmp_path, indices, f"t{uuid.uuid4().hex[:12]}") as services:
        yield services
