"""A new home starts from this machine's migrated database; nothing about that can stop a run."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from synthmill_flows.database import starting, template_file


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = template_file()
    assert file is not None
    assert file.is_relative_to(tmp_path / "cache")
    return file


def migrate(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE migrated (number INTEGER)")
        connection.execute("INSERT INTO migrated VALUES (1)")
        connection.commit()


def is_migrated(database: Path) -> bool:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'migrated'").fetchone() == (1,)


def test_the_first_home_leaves_its_database_for_the_next(template: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "one/prefect.db", tmp_path / "two/prefect.db"
    with starting(first):
        assert not first.exists()
        migrate(first)
    assert is_migrated(template)
    with starting(second):
        assert is_migrated(second)


def test_an_existing_database_stays_what_it_is(template: Path, tmp_path: Path) -> None:
    template.parent.mkdir(parents=True)
    migrate(template)
    database = tmp_path / "prefect.db"
    sqlite3.connect(database).close()
    database.touch()
    with starting(database):
        assert not is_migrated(database)


def test_a_start_that_fails_leaves_no_template(template: Path, tmp_path: Path) -> None:
    database = tmp_path / "prefect.db"
    with pytest.raises(ZeroDivisionError):
        fail_to_start(database)
    assert database.exists()
    assert not template.exists()


def fail_to_start(database: Path) -> None:
    with starting(database):
        migrate(database)
        raise ZeroDivisionError


def test_a_cache_that_cannot_be_written_is_no_obstacle(template: Path, tmp_path: Path) -> None:
    template.parent.parent.write_text("a file where the cache folder would be")
    database = tmp_path / "prefect.db"
    with starting(database):
        migrate(database)
    assert is_migrated(database)
    assert not list(tmp_path.glob("**/.*prefect*"))
