"""The inputs of a job: uploaded sources, or rows of the request as a JSON-lines file."""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence

from synthmill.catalog.sources import source_file
from synthmill.jobs.order import InputFile
from synthmill.services import Services
from synthmill_api.sources import service as source_service

_ROWS = "rows.jsonl"


async def source_files(services: Services, tenant: str, ids: Sequence[str]) -> list[InputFile]:
    """The sources as inputs; a 404 for an id that is not the tenant's, a 410 for a file that is gone."""
    sources = [await source_service.get(services, tenant, id_) for id_ in ids]
    return [source_file(services, source) for source in sources]


def rows_file(rows: Sequence[Mapping[str, object]]) -> InputFile:
    """The rows as an input."""
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8", "surrogatepass")

    async def read() -> AsyncIterator[bytes]:
        yield data

    return InputFile(_ROWS, read, hashlib.sha256(data).hexdigest())
