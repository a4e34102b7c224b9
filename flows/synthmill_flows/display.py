"""Calls to Prefect that only show something: when Prefect is away, the run goes on without them."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import TypeVar

import httpx
from prefect.exceptions import PrefectException

_PATIENCE_SECONDS = 10.0  # Prefect's client retries for minutes, and the job would not be followed meanwhile

_log = logging.getLogger(__name__)

T = TypeVar("T")


async def attempt(call: Awaitable[T], what: str) -> T | None:
    """The call's answer, or None and a warning that names `what` was not shown."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await call
    except (httpx.HTTPError, PrefectException, TimeoutError) as error:
        _log.warning("%s could not be shown in Prefect: %r", what, error)
        return None
