"""A worker is killed while it uploads an export: another begins anew, and nothing of the first is left."""

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from synthmill.jobs.export.formats import Form
from synthmill.jobs.export.requests import get_export, request_export
from synthmill.services import Services
from synthmill.stack.objects import MinioObjectStore
from synthmill_schemas.file_export import ExportDocument, ExportFormat, ExportState
from tests.support.installation import QUICK, environment_of
from tests.support.made import made_job
from tests.support.on_stack import ON_STACK
from tests.support.services import Service
from tests.support.wait import until_async

pytestmark = list(ON_STACK)
RECORDS = 600
POEM = os.urandom(50_000).hex()  # 60 MB in all: several parts


@pytest.fixture
def worker(services: Services, tmp_path: Path) -> Iterator[Service]:
    """One that was not started yet."""
    told = {**os.environ, **environment_of(services.settings), **QUICK}
    service = Service("worker", [sys.executable, "-m", "synthmill_worker"], told, tmp_path / "worker.log", 0)
    yield service
    service.end()


async def test_an_export_survives_its_worker(services: Services, worker: Service) -> None:
    objects = services.objects
    assert isinstance(objects, MinioObjectStore)
    for first in range(0, RECORDS, 100):
        rows = [{"colour": "red", "poem": f"{slot} {POEM}"} for slot in range(first, first + 100)]
        await made_job(services, rows, first_slot=first, records=RECORDS)
    export = await request_export(services, services.settings.tenant, "job-1", Form(ExportFormat.JSONL))

    def half_sent() -> int:
        return len(objects.client._list_multipart_uploads(objects.bucket).uploads)

    async def sending() -> bool:
        return half_sent() > 0

    async def decided() -> ExportDocument | None:
        now = (await get_export(services.store, export.tenant, export.export_id)).document
        return now if now.state in (ExportState.DONE, ExportState.FAILED) else None

    worker.start()
    await until_async(sending, "the upload to begin")
    worker.kill()
    assert half_sent() == 1  # it died in the middle
    killed = (await get_export(services.store, export.tenant, export.export_id)).document
    assert killed.state is ExportState.WRITING

    worker.start()
    done = await until_async(decided, "the export to be written")
    assert (done.state, done.records) == (ExportState.DONE, RECORDS)
    assert done.object_key != killed.object_key
    async with objects.open(done.object_key or "") as file:
        assert hashlib.sha256(file.read()).hexdigest() == done.sha256
    assert half_sent() == 0
    assert [item.key async for item in objects.list("tmp/")] == [done.object_key]
    assert worker.stop() == 0
