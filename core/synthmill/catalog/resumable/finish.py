"""Joins the parts of an upload to a source, as if they had come in one request.

The bytes are read back as they are stored, so what is checked, told apart and kept once is what jobs will read.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from synthmill.catalog.resumable.documents import UploadDocument
from synthmill.catalog.resumable.reading import part_bytes
from synthmill.catalog.sources import SourceDocument
from synthmill.catalog.uploads import Upload, store_upload
from synthmill.services import Services

_RENEW_SECONDS = 10.0


async def finished(
    services: Services, upload: UploadDocument, parts: Sequence[str], renew: Callable[[], Awaitable[None]]
) -> SourceDocument:
    """The source; `renew` is called every now and then. The parts stay where they are."""

    async def whole() -> AsyncIterator[bytes]:
        renewed = time.monotonic()
        for part in parts:
            async for block in part_bytes(services, upload, part):
                yield block
            if time.monotonic() - renewed > _RENEW_SECONDS:
                await renew()
                renewed = time.monotonic()

    source, _ = await store_upload(services, upload.tenant, Upload(upload.name, whole(), upload.sha256))
    return source
