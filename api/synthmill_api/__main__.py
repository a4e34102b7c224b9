"""`python -m synthmill_api`: parses the command line, starts, nothing else."""

import argparse
import asyncio
import sys
from pathlib import Path

from synthmill import logs
from synthmill.errors import SynthmillError, UserError
from synthmill.settings import Settings
from synthmill_api.app import create_app
from synthmill_api.config import ApiConfig
from synthmill_api.server import Listening, serve

_NOT_STARTED = 1


def main() -> int:
    """Runs until stopped; the exit code says why it did not start."""
    given = _arguments()
    logs.configure("api", level="WARNING")
    listening = Listening(given.host, given.port, given.port_file, given.watch_stdin)
    config = ApiConfig()
    try:
        return (
            0 if asyncio.run(serve(create_app(Settings(), config), listening, config.drain_seconds)) else _NOT_STARTED
        )
    except SynthmillError as error:
        logs.last_words(error)
        return error.exit_code
    except OSError as error:
        refused = UserError(f"cannot listen on {given.host}:{given.port}: {error.strerror}; give another --port")
        logs.last_words(refused)
        return refused.exit_code


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m synthmill_api", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0 for any free one")
    parser.add_argument("--port-file", type=Path, help="gets host:port, once requests are accepted")
    parser.add_argument("--watch-stdin", action="store_true", help="stop when stdin ends: the parent is gone")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
