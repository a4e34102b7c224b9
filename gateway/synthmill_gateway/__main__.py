"""`python -m synthmill_gateway`: parses the command line, starts, nothing else."""

import argparse
import asyncio
import logging
import sys

from synthmill import logs
from synthmill.errors import SynthmillError, UserError
from synthmill.serving.http import serve
from synthmill.serving.listening import Listening, add_options
from synthmill_gateway.app import create_app
from synthmill_gateway.config import GatewayConfig
from synthmill_gateway.offline.knobs import KnobsRefused, from_environment
from synthmill_gateway.workers import Workers

_log = logging.getLogger("synthmill_gateway")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def main() -> int:
    """Run until stopped; 2 for a wrong setting."""
    given = _arguments()
    logs.configure("gateway", level="WARNING")
    config = GatewayConfig()
    if config.token is None and given.host not in _LOOPBACK and not given.reuse_port:
        _log.warning("no SYNTHMILL_GATEWAY__TOKEN is set: whoever reaches %s spends the providers' keys", given.host)
    try:
        return asyncio.run(_run(given, config))
    except SynthmillError as error:
        logs.last_words(error)
        return error.exit_code
    except OSError as error:
        refused = UserError(f"cannot listen on {given.host}:{given.port}: {error.strerror}; give another --port")
        logs.last_words(refused)
        return refused.exit_code


async def _run(given: argparse.Namespace, config: GatewayConfig) -> int:
    try:
        knobs = from_environment()
    except KnobsRefused as error:
        raise UserError(str(error)) from error
    if given.workers > 1:
        return await _run_workers(given, config.drain_seconds)
    listening = Listening(given.host, given.port, given.port_file, given.watch_stdin, given.reuse_port)
    await serve(create_app(config, knobs), listening, config.drain_seconds)
    return 0


async def _run_workers(given: argparse.Namespace, drain_seconds: int) -> int:
    workers = Workers(given.workers, given.host, given.port, drain_seconds)
    return await workers.run(given.port_file, watch_stdin=given.watch_stdin)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="synthmill_gateway", description=__doc__)
    add_options(parser, port=4000)
    parser.add_argument("--workers", type=int, default=1, help="processes that share the port, 250 MB each")
    parser.add_argument("--reuse-port", action="store_true", help="let other processes listen on the same port")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
