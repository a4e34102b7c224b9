"""Which field paths can be asked for, the same for every record store: names joined by dots."""

import re

from synthmill.errors import UserError

_PATH = re.compile(r"[\w-]{1,100}(\.[\w-]{1,100}){0,19}")
"""No quote, bracket or space, so a path can stand in SQL as it is."""


def checked_path(path: str) -> str:
    """The path itself, or `UserError`."""
    if not _PATH.fullmatch(path):
        raise UserError(f"{path!r} is no field path: give names joined by dots, e.g. data.priority")
    return path
