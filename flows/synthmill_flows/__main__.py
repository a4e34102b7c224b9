"""`python -m synthmill_flows --job ID --tenant T --out DIR [--watch-stdin]`: one flow run for a job, as a process.

Uses the server that `PREFECT_API_URL` names, else a temporary one whose runs stay in `<home>/prefect`. The exit code is
0 when all records were accepted, that of the error when there was one, else 1.
"""

import argparse
import asyncio
import gc
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from synthmill import logs
from synthmill.errors import SynthmillError
from synthmill.settings import Settings
from synthmill_flows.process import FlowOrder, run_one


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs until the flow ends, SIGTERM, SIGINT or, with --watch-stdin, until the parent is gone."""
    options = _parser().parse_args(arguments)
    logs.configure("flow", level="WARNING")  # Prefect and what it stands on tell much that is no news
    for own in ("synthmill", "synthmill_flows"):
        logging.getLogger(own).setLevel("INFO")
    gc.disable()  # hundreds of modules are about to be loaded and stay: a quarter of the start-up otherwise
    try:
        order = FlowOrder(options.job, options.tenant, options.out)
        return asyncio.run(run_one(Settings(), order, watch_stdin=options.watch_stdin))
    except SynthmillError as error:
        logs.last_words(error)
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m synthmill_flows", description=__doc__)
    parser.add_argument("--job", required=True, help="the job, which exists")
    parser.add_argument("--tenant", default="default")
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    parser.add_argument("--watch-stdin", action="store_true", help="stop when stdin ends")
    return parser


if __name__ == "__main__":
    exit_code = main()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(exit_code)  # all is closed; taking Prefect's modules apart would cost a second of CPU
