"""The temporary server's SQLite file: Prefect's hundred migrations (5 s of CPU) run once per machine and version.

The first server of a machine leaves a copy of its migrated, still empty database in the user's cache folder; later
homes start from that copy. A file that exists already is migrated by Prefect as usual.
"""

import fcntl
import logging
import os
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

_log = logging.getLogger(__name__)


@contextmanager
def starting(database: Path) -> Iterator[None]:
    """Holds the database while a server starts on it; two that migrate the same file at a time would both fail."""
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    template = template_file()
    with (database.parent / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # freed by the kernel when we die
        fresh = not database.exists()
        if fresh and template is not None:
            _copy_template(template, database)
        yield
        if fresh and template is not None and not template.exists():
            _keep_template(database, template)


def connection_url(database: Path) -> str:
    """The file as Prefect names databases."""
    return f"sqlite+aiosqlite:///{database}"


def template_file() -> Path | None:
    """Where this machine's user keeps the migrated database of the installed Prefect; None: nowhere to keep it."""
    cache = os.environ.get("XDG_CACHE_HOME")
    with suppress(RuntimeError):  # a user without a home folder
        folder = Path(cache) if cache else Path.home() / ".cache"
        return folder / "synthmill" / f"prefect-{version('prefect')}.db"
    return None


def _copy_template(template: Path, database: Path) -> None:
    partial = _partial_of(database)
    try:
        shutil.copyfile(template, partial)
        partial.replace(database)
    except FileNotFoundError:
        return
    except OSError as error:
        _discard(partial)
        _log.warning("%s could not be used: %s; the database is made anew", template, error)


def _keep_template(database: Path, template: Path) -> None:
    partial = _partial_of(template)
    try:
        template.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(partial)) as target:
            source.backup(target)
        partial.replace(template)
    except (OSError, sqlite3.Error) as error:
        _discard(partial)
        _log.info("no %s for later starts: %s", template, error)


def _discard(partial: Path) -> None:
    with suppress(OSError):  # the folder itself may be what is wrong
        partial.unlink()


def _partial_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}")
