"""`python -m synthmill_flows.lasting [--port N]`: the Prefect server of the embedded profile, with UI and schedules.

Its runs lie in `<home>/prefect`, together with those of `synthmill run`.
"""

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

from synthmill import logs
from synthmill.serving.http import serve
from synthmill.serving.listening import Listening, add_options, exit_code
from synthmill.settings import Settings
from synthmill_flows import environment
from synthmill_flows.database import starting

_DRAIN_SECONDS = 3  # browsers hold web sockets open for ever


def main() -> int:
    """Serves until SIGTERM, SIGINT or, with --watch-stdin, until the parent is gone; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m synthmill_flows.lasting", description=__doc__)
    add_options(parser, port=4200)
    given = parser.parse_args()
    logs.configure("prefect", level="WARNING")
    home = Settings().home.absolute() / "prefect"
    environment.prepare_lasting_server(home, given.port)
    listening = Listening(given.host, given.port, given.port_file, given.watch_stdin)
    return exit_code(lambda: _serve(home, listening), given.host, given.port)


def _serve(home: Path, listening: Listening) -> int:
    from prefect.server.api.server import create_app  # not before: Prefect reads its settings at import
    from prefect.server.database import provide_database_interface

    from synthmill_flows.patient_sqlite import use_patient_sqlite

    database = environment.database_file(home)
    with starting(database):
        use_patient_sqlite(database)
        asyncio.run(provide_database_interface().create_db())
    asyncio.run(serve(create_app(final=True), listening, _DRAIN_SECONDS))
    return 0


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)  # all is closed; threads of Prefect's would be waited for
