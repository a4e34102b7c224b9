"""`python -m synthmill_worker [--watch-stdin]`: starts the worker."""

import argparse
import asyncio
import sys

from synthmill import logs
from synthmill.errors import SynthmillError
from synthmill.lifecycle import stop_on_signals
from synthmill.services import open_services
from synthmill.settings import Settings
from synthmill_worker.runner import Worker


async def _run(settings: Settings, *, watch_stdin: bool) -> None:
    async with open_services(settings) as services:
        worker = Worker(services)
        async with stop_on_signals(worker.stop, watch_stdin=watch_stdin):
            await worker.run()


def main() -> int:
    """Runs until SIGTERM, SIGINT or, with --watch-stdin, until the parent is gone."""
    parser = argparse.ArgumentParser(prog="python -m synthmill_worker", description=__doc__)
    parser.add_argument("--watch-stdin", action="store_true", help="stop when stdin ends")
    arguments = parser.parse_args()
    logs.configure("worker")
    try:
        asyncio.run(_run(Settings(), watch_stdin=arguments.watch_stdin))
    except SynthmillError as error:
        logs.last_words(error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
