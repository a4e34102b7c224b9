"""The embedded services with one job."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.jobs.order import JobOrder
from synthmill.jobs.submit import submit
from synthmill.settings import Settings
from tests.support.jobs import TENANT, recipe

JOB = "job-1"


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[EmbeddedServices]:
    async with open_embedded(Settings(home=tmp_path / "home")) as opened:
        await submit(opened, JobOrder(TENANT, JOB, recipe()))
        yield opened
