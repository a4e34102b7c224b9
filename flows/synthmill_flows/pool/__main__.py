"""`python -m synthmill_flows.pool [--watch-stdin]`: puts the deployments onto the Prefect server and runs them here."""

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

from synthmill import logs
from synthmill.errors import SynthmillError, UserError
from synthmill.lifecycle import stop_on_signals
from synthmill.settings import Settings
from synthmill_flows import environment

_NO_SERVER = "PREFECT_API_URL is not set: name the Prefect server, or use `synthmill up`, which brings one"


def main() -> int:
    """Runs until SIGTERM, SIGINT or, with --watch-stdin, until the parent is gone; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m synthmill_flows.pool", description=__doc__)
    parser.add_argument("--watch-stdin", action="store_true", help="stop when stdin ends")
    options = parser.parse_args()
    logs.configure("flow", level="WARNING")
    logging.getLogger("synthmill_flows").setLevel("INFO")
    _find_our_python()
    environment.prepare_lasting()
    try:
        asyncio.run(_serve(watch_stdin=options.watch_stdin))
    except SynthmillError as error:
        logs.last_words(error)
        return error.exit_code
    return 0


async def _serve(*, watch_stdin: bool) -> None:
    if not os.environ.get("PREFECT_API_URL"):
        raise UserError(_NO_SERVER)
    from synthmill_flows.pool.service import PoolService  # not before: Prefect reads its settings at import

    service = PoolService(Settings(), Path.cwd())
    async with stop_on_signals(service.stop, watch_stdin=watch_stdin):
        await service.run()


def _find_our_python() -> None:
    """prefect.yaml says `python`, which has to be this one in every run."""
    ours = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([ours, os.environ.get("PATH", "")])


if __name__ == "__main__":
    sys.exit(main())
