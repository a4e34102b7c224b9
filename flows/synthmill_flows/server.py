"""Prefect's own server for the time of one run, in a thread of this process.

A thread and not a child: it shares Prefect's imports with the flow (2 s of CPU), and whatever ends this process, a
SIGKILL too, ends the server with it.
"""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from prefect.server.api.server import create_app

from synthmill.errors import Retriable
from synthmill_flows.database import starting
from synthmill_flows.patient_sqlite import use_patient_sqlite

_log = logging.getLogger(__name__)


class ServerFailed(Retriable):
    """The temporary server did not start; its log lines before this one say why."""


@contextmanager
def temporary_server(listener: socket.socket, database: Path) -> Iterator[None]:
    """Serves on `listener` with the settings of the environment while the context lasts."""
    use_patient_sqlite(database)
    app = create_app(ephemeral=True, final=True)
    server = _Server(uvicorn.Config(app, lifespan="on", log_config=None, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run_and_tell, args=(listener,), name="prefect-server", daemon=True)
    with starting(database):
        thread.start()
        server.settled.wait()
        if not server.started:
            raise ServerFailed("Prefect's temporary server did not start; try again, or set PREFECT_API_URL to another")
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


class _Server(uvicorn.Server):
    """Tells when it serves, or that it never will."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.settled.set()

    def run_and_tell(self, listener: socket.socket) -> None:
        try:
            self.run(sockets=[listener])
        except SystemExit as end:  # uvicorn's way to say that start-up failed
            _log.error("the temporary server ended with %s", end.code)
        finally:
            self.settled.set()
