"""How a long-running service starts and ends: settings, services of its profile, signals, last words, exit code."""

import argparse
import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from synthmill import logs
from synthmill.errors import SynthmillError
from synthmill.lifecycle import stop_on_signals
from synthmill.services import Services
from synthmill.settings import Settings

S = TypeVar("S", bound=Services)


class Service(Protocol):
    """Serves until it is told to stop."""

    def stop(self) -> None:
        """Takes nothing more; lets what is in hand end."""

    async def run(self) -> None:
        """Returns after `stop`."""


def run_service(
    name: str,
    description: str | None,
    opened: Callable[[Settings], AbstractAsyncContextManager[S]],
    make: Callable[[S], Service],
) -> int:
    """Runs until SIGTERM, SIGINT or, with --watch-stdin, until the parent is gone; answers the exit code."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--watch-stdin", action="store_true", help="stop when stdin ends")
    arguments = parser.parse_args()
    logs.configure(name)
    try:
        asyncio.run(_serve(opened, make, watch_stdin=arguments.watch_stdin))
    except SynthmillError as error:
        logs.last_words(error)
        return error.exit_code
    return 0


async def _serve(
    opened: Callable[[Settings], AbstractAsyncContextManager[S]], make: Callable[[S], Service], *, watch_stdin: bool
) -> None:
    async with opened(Settings()) as services:
        service = make(services)
        async with stop_on_signals(service.stop, watch_stdin=watch_stdin):
            await service.run()
