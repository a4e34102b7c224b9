"""Refuses an upload by its content: most kinds by the first bytes, before the rest has come."""

import asyncio
import io
from collections.abc import AsyncIterator

from synthmill.inputs.detect import HEAD_BYTES, SourceKind, detect
from synthmill.services import Services

_PARQUET = b"PAR1"  # is judged by its end too


async def sifted(chunks: AsyncIterator[bytes], name: str) -> AsyncIterator[bytes]:
    """The same bytes; raises `InputUnusable` as soon as the head shows what cannot be read."""
    head: bytearray | None = bytearray()
    async for chunk in chunks:
        if head is None:
            yield chunk
            continue
        head += chunk
        if len(head) >= HEAD_BYTES:
            _judge(head, name)
            yield bytes(head)
            head = None
    if head:
        _judge(head, name)
        yield bytes(head)


async def heads_judged(chunks: AsyncIterator[bytes], name: str) -> AsyncIterator[bytes]:
    """The same for the beginning of a file of which more is to come: judged only once there is enough of it."""
    head: bytearray | None = bytearray()
    async for chunk in chunks:
        if head is not None:
            head += chunk[:HEAD_BYTES]
            if len(head) >= HEAD_BYTES:
                _judge(head, name)
                head = None
        yield chunk


def _judge(head: bytearray, name: str) -> None:
    if not head.startswith(_PARQUET):
        detect(io.BytesIO(head), name)


async def kind_of(services: Services, object_key: str, size: int, name: str) -> SourceKind:
    """The kind of a stored file of `size` bytes; only its two ends are read, for nothing else tells it."""
    ends = await services.objects.read(object_key, 0, HEAD_BYTES)
    if size > len(ends):
        ends += await services.objects.read(object_key, max(len(ends), size - len(_PARQUET)), len(_PARQUET))
    return await asyncio.to_thread(detect, io.BytesIO(ends), name)
