"""requirements.lock belongs to pyproject.toml, told without a network."""

import re

from scripts.lock_hash import LOCK, expected_header


def test_the_lock_was_made_from_the_present_dependencies() -> None:
    assert LOCK.read_text().splitlines()[0] == expected_header(), "pyproject.toml changed: run `make lock`"


def test_every_locked_package_is_pinned_with_hashes() -> None:
    entries = re.split(r"\n(?=[A-Za-z0-9])", LOCK.read_text())[1:]
    loose = [entry.splitlines()[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry]
    assert len(entries) > 100
    assert loose == []
