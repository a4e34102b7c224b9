"""Prefect's own server for the time of one run, in a thread of this process.

A thread and not a child: it shares Prefect's imports with the flow (2 s of CPU), and whatever ends this process, a
SIGKILL too, ends the server with it.
"""

import logging
import socket
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import uvicorn
from prefect.server.api.server import create_app
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import set_database_config
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

from synthmill.errors import Retriable
from synthmill_flows.database import connection_url, starting

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


def use_patient_sqlite(database: Path) -> None:
    """Makes it the database of servers in this process."""
    set_database_config(_PatientSqlite(connection_url(database)))


class _PatientSqlite(AioSqliteConfiguration):
    """Takes the write lock when a transaction begins.

    Prefect takes it at the first write, where SQLite refuses at once if another process wrote meanwhile: with two
    servers on one file requests fail and task runs are lost. At the beginning it waits for the lock instead.
    """

    @asynccontextmanager
    async def begin_transaction(
        self, session: AsyncSession, with_for_update: bool = False
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


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
