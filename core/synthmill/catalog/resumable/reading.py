"""Reads the parts of an upload again."""

import asyncio
from collections.abc import AsyncIterator

from synthmill.catalog.resumable.documents import UploadDocument
from synthmill.services import Services

_READ_BYTES = 1 << 20


async def part_bytes(services: Services, upload: UploadDocument, part: str) -> AsyncIterator[bytes]:
    """The bytes of one part."""
    async with services.objects.open(upload.key(part)) as file:
        while block := await asyncio.to_thread(file.read, _READ_BYTES):
            yield block
