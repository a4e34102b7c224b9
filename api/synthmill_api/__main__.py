"""`python -m synthmill_api`: parses the command line, starts, nothing else."""

import argparse
import asyncio
import sys

from synthmill import logs
from synthmill.errors import SynthmillError, UserError
from synthmill.serving.http import serve
from synthmill.serving.listening import Listening, add_options
from synthmill.settings import Settings
from synthmill_api.app import create_app
from synthmill_api.auth.secret import installation_secret
from synthmill_api.config import ApiConfig


def main() -> int:
    """Runs until stopped; the exit code says why it did not start."""
    given = _arguments()
    logs.configure("api")
    listening = Listening(given.host, given.port, given.port_file, given.watch_stdin)
    config, settings = ApiConfig(), Settings()
    try:
        installation_secret(config, settings)  # one that is missing is told before anything is opened
        asyncio.run(serve(create_app(settings, config), listening, config.drain_seconds))
    except SynthmillError as error:
        logs.last_words(error)
        return error.exit_code
    except OSError as error:
        refused = UserError(f"cannot listen on {given.host}:{given.port}: {error.strerror}; give another --port")
        logs.last_words(refused)
        return refused.exit_code
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m synthmill_api", description=__doc__)
    add_options(parser, port=8000)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
