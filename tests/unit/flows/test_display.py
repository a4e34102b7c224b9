"""What only shows something may fail without the run noticing; a fault of ours may not."""

import logging

import httpx
import pytest
from prefect.exceptions import ObjectNotFound

from synthmill_flows.display import attempt


async def answer(value: int | Exception) -> int:
    if isinstance(value, Exception):
        raise value
    return value


async def test_the_answer_comes_through() -> None:
    assert await attempt(answer(7), "the funnel") == 7


@pytest.mark.parametrize(
    "error",
    [httpx.ConnectError("refused"), ObjectNotFound(Exception("gone")), TimeoutError()],
    ids=lambda error: type(error).__name__,
)
async def test_prefect_being_away_is_a_warning(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert await attempt(answer(error), "the funnel") is None
    assert "the funnel could not be shown" in caplog.text


async def test_any_other_error_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await attempt(answer(ZeroDivisionError()), "the funnel")
