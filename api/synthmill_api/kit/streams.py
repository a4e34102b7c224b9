"""Answers that are streams."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing


async def begun(chunks: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    """The same chunks, the first one read: a store that is down is told by the status, not by a broken stream."""
    first = await anext(chunks, b"")

    async def whole() -> AsyncIterator[bytes]:
        async with aclosing(chunks):  # also when the client leaves
            yield first
            async for chunk in chunks:
                yield chunk

    return whole()
