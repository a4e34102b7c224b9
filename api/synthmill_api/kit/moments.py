"""Points in time in a query."""

from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator


def _written_out(value: object) -> object:
    if isinstance(value, str) and value.strip().lstrip("+-").replace(".", "", 1).isdigit():
        raise ValueError("write it out, e.g. 2026-11-23T07:24:04Z")  # else it would be read as seconds since 1970
    return value


Moment = Annotated[datetime, BeforeValidator(_written_out)]
"""As RFC 3339 has it."""
