"""Uploads in pieces, with parts of their real size, on both profiles."""

from collections.abc import AsyncIterator

import pytest

from synthmill.catalog.resumable.append import Piece, append
from synthmill.catalog.resumable.documents import PART_BYTES, create_upload
from synthmill.catalog.sources import find_source
from synthmill.services import Services

DATA = b"".join(b"row %d,of a table,with three columns\n" % number for number in range(300_000))
CUTS = [1, 100_000, PART_BYTES - 1, PART_BYTES + 1, PART_BYTES + 100]
"""Pieces far below what S3 takes as a part, and such as end just beside one."""

pytestmark = pytest.mark.integration


async def bytes_of(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 65_536):
        yield data[start : start + 65_536]


async def test_pieces_of_any_size_become_one_file_and_leave_nothing_else(services: Services) -> None:
    tenant = services.settings.tenant
    begun = await create_upload(services, tenant, name="a.csv", length=len(DATA), sha256=None, metadata="")
    for start, end in zip([0, *CUTS], [*CUTS, len(DATA)], strict=True):
        upload = await append(services, tenant, begun.upload_id, Piece(start, bytes_of(DATA[start:end])))
        assert upload.offset == end
    source = await find_source(services.store, tenant, str(upload.source_id))
    assert source is not None
    assert [item.key async for item in services.objects.list("tmp/")] == [source.object_key]
    async with services.objects.open(source.object_key) as file:
        assert file.read() == DATA
