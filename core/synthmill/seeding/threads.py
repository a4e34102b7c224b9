"""Work in a thread that is let end before its caller goes on, even a cancelled one."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def to_the_end(work: Callable[[], T]) -> T:
    """Runs `work` in a thread. Cancelled, it waits for the thread, which holds files that the caller will close."""
    running = asyncio.create_task(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        running.exception()  # looked at, or asyncio complains that nobody did
        raise
