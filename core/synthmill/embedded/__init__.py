"""The embedded profile: all three ports in one folder of one machine, with the semantics of the real servers.

# Layout
- `sqlite`, `database`, `schema`   the one SQLite file: connections, transactions, tables
- `objects`                        the object store, a folder
- `broker`                         the broker; `consumption`, `reaper`, `owners` and `leases` serve it
- `store`                          the record store; `writes` and `searches` do its work over an open connection
- `places`, `filters`, `orders`, `words`, `fields`   what reading and writing documents need
"""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from synthmill.embedded.broker import SqliteBroker
from synthmill.embedded.database import Database
from synthmill.embedded.objects import DirectoryObjectStore
from synthmill.embedded.store import SqliteRecordStore
from synthmill.errors import StorageFull, UserError
from synthmill.services import Services
from synthmill.settings import Settings

__all__ = ["Database", "DirectoryObjectStore", "EmbeddedServices", "SqliteBroker", "SqliteRecordStore", "open_embedded"]


@dataclass(frozen=True, slots=True)
class EmbeddedServices(Services):
    """The ports and the database that broker and store share: `async with services.database.transaction()`."""

    database: Database


@asynccontextmanager
async def open_embedded(settings: Settings) -> AsyncIterator[EmbeddedServices]:
    """Opens the folder `settings.home`, made when it is not there; several processes may have it open."""
    home = settings.home.absolute()
    await asyncio.to_thread(_make_home, home)
    database = await Database.open(home / "synthmill.db")
    try:
        objects = DirectoryObjectStore(home / "objects")
        await objects.discard_broken_puts()
        broker = SqliteBroker(database, locks=home / "locks")
        store = SqliteRecordStore(database)
        await broker.declare()
        await store.prepare()
        yield EmbeddedServices(settings, objects, broker, store, database)
    finally:
        await database.close()


def _make_home(home: Path) -> None:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)  # uploads may be private
        (home / ".gitignore").write_text("*\n")  # nobody commits it by accident
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StorageFull(f"no space left to make {home}: free some, then try again") from error
        raise UserError(f"{home} cannot be used ({error.strerror}): set SYNTHMILL_HOME to another folder") from error
