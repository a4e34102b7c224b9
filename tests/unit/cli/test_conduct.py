"""Which of work, a broken service and Ctrl-C comes first decides."""

import asyncio
import os
import signal

import pytest

from synthmill.cli.conduct import first_of
from synthmill.cli.interrupts import Interrupted, Interrupts, listening
from synthmill.supervisor import ServiceFailed


async def never() -> Exception:
    await asyncio.Event().wait()
    raise AssertionError


async def test_work_that_ends_ends_it() -> None:
    async def work() -> None:
        await asyncio.sleep(0)

    await first_of(work(), never(), Interrupts())


async def test_an_error_of_the_work_is_raised() -> None:
    async def work() -> None:
        raise KeyError("slot")

    with pytest.raises(KeyError):
        await first_of(work(), never(), Interrupts())


async def test_a_service_that_ended_for_good_ends_the_work() -> None:
    async def failed() -> Exception:
        return ServiceFailed("the worker ended", 74)

    with pytest.raises(ServiceFailed, match="the worker ended") as raised:
        await first_of(never(), failed(), Interrupts())
    assert raised.value.exit_code == 74


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_the_first_signal_stops_in_order_and_the_second_leaves(number: signal.Signals, code: int) -> None:
    async with listening() as interrupts:
        os.kill(os.getpid(), number)
        with pytest.raises(Interrupted) as raised:
            await first_of(never(), never(), interrupts)
        assert raised.value.exit_code == code
        assert not interrupts.second.is_set()
        os.kill(os.getpid(), number)
        await interrupts.second.wait()


async def test_the_work_is_cancelled_before_the_stop_is_told() -> None:
    cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    interrupts = Interrupts()
    asyncio.get_running_loop().call_soon(interrupts.take, signal.SIGINT)
    with pytest.raises(Interrupted):
        await first_of(work(), never(), interrupts)
    assert cancelled.is_set()
