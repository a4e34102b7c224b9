"""`python -m synthmill_flows.prepare`: runs Prefect's migrations now, for a part of the installation to do.

Without it the first run on a machine does, and takes 5 s longer. Nothing is done where they have run.
"""

import logging
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from synthmill import logs
from synthmill.errors import SynthmillError
from synthmill_flows import environment
from synthmill_flows.database import template_file


def main() -> int:
    """Starts and stops a temporary server, which leaves its migrated database for later ones."""
    logs.configure("flow", level="WARNING")
    template = template_file()
    if template is None or template.exists():
        return 0
    os.environ.pop("PREFECT_API_URL", None)  # what matters here is a server of our own
    with TemporaryDirectory() as home:
        listener = environment.prepare(Path(home))
        if listener is None:
            return 0
        from synthmill_flows.server import temporary_server  # not before: Prefect reads its settings at import

        try:
            with temporary_server(listener, environment.database_file(Path(home))):
                return 0
        except SynthmillError as error:
            logs.last_words(error)
            return error.exit_code


if __name__ == "__main__":
    exit_code = main()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(exit_code)  # as in `__main__`
