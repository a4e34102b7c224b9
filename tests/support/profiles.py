"""The services of either profile, in places of a test's own, for what has to be the same on both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from synthmill.embedded import open_embedded
from synthmill.services import Services
from synthmill.settings import JobSettings, Settings
from synthmill.stack import open_stack
from tests.support import stack
from tests.support.installation import settings_on
from tests.support.on_stack import ON_STACK

PROFILES = ["embedded", pytest.param("stack", marks=ON_STACK)]


@asynccontextmanager
async def on_stack(folder: Path) -> AsyncIterator[Services]:
    """On the servers of the stack; nothing is left there at the end."""
    async with open_stack(settings_on(folder)) as services:
        yield services
    await stack.remove_all(str(folder))


@asynccontextmanager
async def opened(
    profile: str, folder: Path, indices: Path, tenant: str, job: JobSettings | None = None
) -> AsyncIterator[Services]:
    """On the stack with the indexes at `indices`, which several tests share: each has a tenant of its own."""
    job = job or JobSettings()
    if profile == "embedded":
        async with open_embedded(Settings(home=folder / "home", tenant=tenant, job=job)) as services:
            yield services
        return
    settings = settings_on(folder, indices=indices).model_copy(update={"tenant": tenant, "job": job})
    async with open_stack(settings) as services:
        yield services
    await stack.remove_queues(str(folder))
    await stack.remove_bucket(str(folder))
