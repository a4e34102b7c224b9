"""Ties requirements.lock to the dependencies in pyproject.toml by a hash in the lock's first line.

Run as a program it writes that line; the repository's tests compare it, which needs no network.
"""

import hashlib
import json
import tomllib
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
LOCK = _ROOT / "requirements.lock"
_LABEL = "# made by scripts/lock from pyproject's dependencies, sha256 "


def expected_header() -> str:
    """The line that a lock of the present pyproject.toml starts with."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    parts = [project["requires-python"], project["dependencies"], project["optional-dependencies"]]
    return _LABEL + hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def write_header() -> None:
    """Puts the line on top of the lock, in place of an earlier one."""
    lines = [line for line in LOCK.read_text().splitlines() if not line.startswith(_LABEL)]
    LOCK.write_text("\n".join([expected_header(), *lines]) + "\n")


if __name__ == "__main__":
    write_header()
