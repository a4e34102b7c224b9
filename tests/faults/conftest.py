"""Services on the shared servers in places of the test's own, for faults that need no installation."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from synthmill.services import Services, open_services
from tests.support import stack
from tests.support.installation import settings_on


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    """Nothing of them is left at the end."""
    async with open_services(settings_on(tmp_path)) as services:
        yield services
    at = str(tmp_path)
    await asyncio.gather(stack.remove_queues(at), stack.remove_indices(at), stack.remove_bucket(at))
