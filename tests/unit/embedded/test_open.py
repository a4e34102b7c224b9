"""Opening the embedded profile's folder."""

from pathlib import Path

import pytest

from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.errors import UserError
from synthmill.services import open_services
from synthmill.settings import Settings


async def test_the_folder_is_made_and_nobody_commits_it(tmp_path: Path) -> None:
    home = tmp_path / "project" / ".synthmill"
    async with open_embedded(Settings(home=home)):
        assert (home / ".gitignore").read_text() == "*\n"
        assert home.stat().st_mode & 0o077 == 0
        assert (home / "synthmill.db").is_file()


async def test_the_embedded_profile_is_the_default_and_shares_its_database(tmp_path: Path) -> None:
    async with open_services(Settings(home=tmp_path / "home")) as services:
        assert isinstance(services, EmbeddedServices)
        async with services.database.transaction():
            await services.store.promote("default", "tickets", 1)
        assert await services.store.latest("default", "tickets") == 1


async def test_a_home_that_is_no_folder_is_the_users_to_mend(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(UserError, match="SYNTHMILL_HOME"):
        async with open_embedded(Settings(home=tmp_path / "home")):
            pass
