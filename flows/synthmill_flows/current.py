"""The services that all tasks of one flow run share: opened once, in the event loop that uses them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

from synthmill.services import Services, open_services
from synthmill.settings import Settings

_OPEN: ContextVar[Services] = ContextVar("services")


@asynccontextmanager
async def run_services() -> AsyncIterator[Services]:
    """Opens the services of the profile in the environment, for `services()` in everything awaited inside."""
    async with open_services(Settings()) as services:
        token = _OPEN.set(services)
        try:
            yield services
        finally:
            _OPEN.reset(token)


def services() -> Services:
    """Those of the flow run that we are in.

    Tasks get them so and not as a parameter: Prefect stores, shows and hashes parameters.
    """
    return _OPEN.get()
