"""The inputs of a job: uploaded sources, or rows of the request as a JSON-lines file."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence

from synthmill.errors import ObjectMissing
from synthmill.jobs.order import InputFile
from synthmill.services import Services
from synthmill_api.errors import Code, Refused
from synthmill_api.sources import service as source_service
from synthmill_api.sources.documents import SourceDocument

_READ_BYTES = 1 << 20
_ROWS = "rows.jsonl"


async def source_files(services: Services, tenant: str, ids: Sequence[str]) -> list[InputFile]:
    """The sources as inputs; a 404 for an id that is not the tenant's, a 410 for a file that is gone."""
    sources = [await source_service.get(services, tenant, id_) for id_ in ids]
    return [_file(services, source) for source in sources]


def rows_file(rows: Sequence[Mapping[str, object]]) -> InputFile:
    """The rows as an input."""
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8", "surrogatepass")

    async def read() -> AsyncIterator[bytes]:
        yield data

    return InputFile(_ROWS, read, hashlib.sha256(data).hexdigest())


def _file(services: Services, source: SourceDocument) -> InputFile:
    async def read() -> AsyncIterator[bytes]:
        try:
            async with services.objects.open(source.object_key) as file:
                while block := await asyncio.to_thread(file.read, _READ_BYTES):
                    yield block
        except ObjectMissing as error:
            text = f"the file of source {source.source_id} ({source.name}) was deleted after its retention"
            raise Refused(Code.SOURCE_GONE, text) from error

    return InputFile(source.name, read, source.sha256)
