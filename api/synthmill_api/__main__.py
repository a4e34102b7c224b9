"""`python -m synthmill_api`: parses the command line, starts, nothing else."""

import argparse
import asyncio
import sys

from synthmill import logs
from synthmill.serving.http import serve
from synthmill.serving.listening import Listening, add_options, exit_code
from synthmill.settings import Settings
from synthmill_api.app import create_app
from synthmill_api.auth.secret import installation_secret
from synthmill_api.config import ApiConfig
from synthmill_api.handlers import UNREADABLE


def main() -> int:
    """Runs until stopped; the exit code says why it did not start."""
    given = _arguments()
    logs.configure("api")
    return exit_code(lambda: _serve(given), given.host, given.port)


def _serve(given: argparse.Namespace) -> int:
    listening = Listening(given.host, given.port, given.port_file, given.watch_stdin)
    config, settings = ApiConfig(), Settings()
    installation_secret(config, settings)  # one that is missing is told before anything is opened
    app = create_app(settings, config)
    asyncio.run(serve(app, listening, config.drain_seconds, on_stop=app.state.drain, unreadable=UNREADABLE))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m synthmill_api", description=__doc__)
    add_options(parser, port=8000)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
