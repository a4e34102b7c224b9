"""The embedded services in a folder of the test's own."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.jobs.order import JobOrder
from synthmill.settings import Settings
from tests.support.jobs import TENANT, recipe


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[EmbeddedServices]:
    async with open_embedded(Settings(home=tmp_path / "home")) as opened:
        yield opened


@pytest.fixture
def order() -> Callable[..., JobOrder]:
    def make(job_id: str = "job-1", **changes: object) -> JobOrder:
        return JobOrder(TENANT, job_id, recipe(**changes))

    return make
