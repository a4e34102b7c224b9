"""A version of a dataset as a query parameter: `latest`, or its number."""

from typing import Annotated

from fastapi import Query

LATEST = "latest"

VersionHere = Annotated[
    str,
    Query(pattern=r"^(latest|[1-9][0-9]{0,8})$", description="`latest`, or a number", examples=["latest", "3"]),
]


def number_of(version: str) -> int | None:
    """The version's number; None: the latest."""
    return None if version == LATEST else int(version)
