"""The services as a command needs them: settings read, a folder without jobs refused, opened, and closed at the end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from synthmill.cli.environment import load_settings
from synthmill.cli.find import full_job_id, require_jobs
from synthmill.services import Services, open_services

T = TypeVar("T")


def with_services(work: Callable[[Services], Awaitable[T]]) -> T:
    """What `work` answers, which is given the opened services; `JobMissing` where there never was a job."""
    settings = load_settings()
    require_jobs(settings)

    async def run() -> T:
        async with open_services(settings) as services:
            return await work(services)

    return asyncio.run(run())


def with_job(given: str, work: Callable[[Services, str], Awaitable[T]]) -> T:
    """The same for one job, told by its id or the first characters of it; `work` is given the whole id."""

    async def find(services: Services) -> T:
        return await work(services, await full_job_id(services, services.settings.tenant, given))

    return with_services(find)
