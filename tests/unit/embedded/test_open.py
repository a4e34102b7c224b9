"""Opening the embedded profile's folder."""

from pathlib import Path

from synthmill.embedded import EmbeddedServices, open_embedded
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
