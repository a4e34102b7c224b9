"""Ctrl-C, in two steps: the first asks to stop in order, the second to leave at once."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from synthmill.errors import SynthmillError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(SynthmillError):
    """The user stopped us."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code  # type: ignore[misc]


class Interrupts:
    """`first` and `second` are set as signals come; `exit_code` follows the shell's habit."""

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.second = asyncio.Event()
        self.exit_code = 128 + signal.SIGINT

    def take(self, number: signal.Signals) -> None:
        """Counts a signal."""
        if self.first.is_set():
            self.second.set()
            return
        self.exit_code = 128 + number
        self.first.set()


@asynccontextmanager
async def listening() -> AsyncIterator[Interrupts]:
    """Takes signals while the context lasts."""
    interrupts, loop = Interrupts(), asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, interrupts.take, number)
    try:
        yield interrupts
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
