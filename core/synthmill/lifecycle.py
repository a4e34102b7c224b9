"""How a service stops: by SIGTERM, by SIGINT, or because the process that started it is gone."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


@asynccontextmanager
async def stop_on_signals(stop: Callable[[], None], *, watch_stdin: bool) -> AsyncIterator[None]:
    """Calls `stop` once something says so; with `watch_stdin` also when stdin ends, even by the parent's SIGKILL."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if watch_stdin:
        thread = threading.Thread(target=_wait_for_end, args=(loop, stop), name="watch-stdin", daemon=True)
        thread.start()
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _wait_for_end(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    try:
        loop.call_soon_threadsafe(stop)
    except RuntimeError:
        return  # the loop has ended before us
