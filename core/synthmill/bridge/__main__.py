"""`python -m synthmill.bridge [--watch-stdin]`: starts the bridge of the embedded profile."""

import argparse
import asyncio
import sys

from synthmill import logs
from synthmill.bridge.service import Bridge
from synthmill.embedded import open_embedded
from synthmill.errors import SynthmillError
from synthmill.lifecycle import stop_on_signals
from synthmill.settings import Settings


async def _run(settings: Settings, *, watch_stdin: bool) -> None:
    async with open_embedded(settings) as services:
        bridge = Bridge(services)
        async with stop_on_signals(bridge.stop, watch_stdin=watch_stdin):
            await bridge.run()


def main() -> int:
    """Runs until SIGTERM, SIGINT or, with --watch-stdin, until the parent is gone."""
    parser = argparse.ArgumentParser(prog="python -m synthmill.bridge", description=__doc__)
    parser.add_argument("--watch-stdin", action="store_true", help="stop when stdin ends")
    arguments = parser.parse_args()
    logs.configure("bridge")
    try:
        asyncio.run(_run(Settings(), watch_stdin=arguments.watch_stdin))
    except SynthmillError as error:
        logs.last_words(error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
