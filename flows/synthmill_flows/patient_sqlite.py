"""Prefect's database as a SQLite file on which several processes and many requests at once work, each in its turn."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import set_database_config
from sqlalchemy import URL
from sqlalchemy.dialects import plugins
from sqlalchemy.engine.interfaces import CreateEnginePlugin
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction
from sqlalchemy.pool import Pool

from synthmill_flows.database import connection_url

_PLUGIN = "synthmill-roomy"


def use_patient_sqlite(database: Path) -> None:
    """Makes it the database of servers in this process."""
    set_database_config(patient_sqlite(database))


def patient_sqlite(database: Path) -> "PatientSqlite":
    """How Prefect's server finds it."""
    plugins.register(_PLUGIN, __name__, "RoomyPool")
    return PatientSqlite(f"{connection_url(database)}?plugin={_PLUGIN}")


class PatientSqlite(AioSqliteConfiguration):
    """Takes the write lock when a transaction begins.

    Prefect takes it at the first write, where SQLite refuses at once if another process wrote meanwhile: with two
    servers on one file requests fail and task runs are lost. At the beginning it waits for the lock instead.
    """

    @asynccontextmanager
    async def begin_transaction(
        self, session: AsyncSession, with_for_update: bool = False
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        """See Prefect's."""
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


class RoomyPool(CreateEnginePlugin):
    """A connection for whoever asks for one, beyond SQLAlchemy's usual 15.

    With five runs at once 15 requests wait for the write lock, each with a connection; the one that has the lock asks
    for a second connection to read by, and gets none until the first waits are over, a minute later.
    """

    def update_url(self, url: URL) -> URL:
        """See SQLAlchemy's."""
        return url.difference_update_query(["plugin"])

    def handle_pool_kwargs(self, pool_cls: type[Pool], pool_args: dict[str, Any]) -> None:
        """See SQLAlchemy's."""
        pool_args["max_overflow"] = -1
