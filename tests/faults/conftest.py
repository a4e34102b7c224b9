"""Services on the shared servers in places of the test's own, for faults that need no installation."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from synthmill.services import Services
from tests.support.profiles import on_stack


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    """Nothing of them is left at the end."""
    async with on_stack(tmp_path) as services:
        yield services
