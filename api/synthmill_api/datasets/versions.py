"""How a dataset and its version are named: in the path, and as a query parameter."""

from typing import Annotated

from fastapi import Path, Query

LATEST = "latest"

DatasetName = Annotated[
    str, Path(pattern=r"^[a-z][a-z0-9_-]{0,62}$", description="the recipe's name", examples=["products"])
]
VersionHere = Annotated[
    str,
    Query(pattern=r"^(latest|[1-9][0-9]{0,8})$", description="`latest`, or a number", examples=["latest", "3"]),
]


def number_of(version: str) -> int | None:
    """The version's number; None: the latest."""
    return None if version == LATEST else int(version)
