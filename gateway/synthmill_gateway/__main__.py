"""`python -m synthmill_gateway`: parses the command line, starts, nothing else."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from synthmill_gateway.app import create_app
from synthmill_gateway.config import GatewayConfig
from synthmill_gateway.offline.knobs import KnobsRefused, from_environment
from synthmill_gateway.server import Listening, run
from synthmill_gateway.workers import Workers

_log = logging.getLogger("synthmill_gateway")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def main() -> int:
    """Run until stopped; 2 for a wrong setting."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    given = _arguments()
    config = GatewayConfig()
    try:
        knobs = from_environment()
    except KnobsRefused as error:
        sys.stderr.write(f"synthmill_gateway: {error}\n")
        return 2
    if config.token is None and given.host not in _LOOPBACK and not given.reuse_port:
        _log.warning("no SYNTHMILL_GATEWAY__TOKEN is set: whoever reaches %s spends the providers' keys", given.host)
    if given.workers > 1:
        return asyncio.run(_run_workers(given, config.drain_seconds))
    listening = Listening(given.host, given.port, given.port_file, given.watch_stdin, given.reuse_port)
    run(create_app(config, knobs), listening, config.drain_seconds)
    return 0


async def _run_workers(given: argparse.Namespace, drain_seconds: int) -> int:
    workers = Workers(given.workers, given.host, given.port, drain_seconds)
    return await workers.run(given.port_file, watch_stdin=given.watch_stdin)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="synthmill_gateway", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4000, help="0 for any free one")
    parser.add_argument("--port-file", type=Path, help="gets host:port, once requests are accepted")
    parser.add_argument("--watch-stdin", action="store_true", help="stop when stdin ends: the parent is gone")
    parser.add_argument("--workers", type=int, default=1, help="processes that share the port, 250 MB each")
    parser.add_argument("--reuse-port", action="store_true", help="let other processes listen on the same port")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
