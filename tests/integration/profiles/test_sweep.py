"""A sweep deletes what nothing live refers to, tells how much, and leaves alone what anybody still needs."""

import asyncio
import dataclasses
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from synthmill.jobs.documents import change_job, get_job
from synthmill.jobs.export.formats import Form
from synthmill.jobs.export.requests import change_export, get_export, request_export
from synthmill.jobs.order import InputFile, JobOrder
from synthmill.jobs.reconcile import reconcile
from synthmill.jobs.submit import stage
from synthmill.jobs.sweep import Swept, sweep
from synthmill.ports.broker import Message, Queue, Settlement
from synthmill.ports.records import STARTS, Write
from synthmill.services import Services
from synthmill.settings import JobSettings
from synthmill.stack.objects import MinioObjectStore
from synthmill_schemas.base import now
from synthmill_schemas.file_export import ExportFormat, ExportState
from synthmill_schemas.job import JobState
from tests.support import stack
from tests.support.jobs import recipe
from tests.support.made import made_job, poems
from tests.support.messages import take_one
from tests.support.on_stack import ON_STACK
from tests.support.profiles import opened
from tests.support.uploads import worked

JOB = "job-1"


@pytest.fixture(scope="module")
def shared_indices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Indexes of these tests alone: what is reconciled is every tenant's, so jobs of others would be counted."""
    place = tmp_path_factory.mktemp("swept")
    yield place
    asyncio.run(stack.remove_indices(str(place)))


@pytest.fixture
async def services(profile: str, tmp_path: Path, indices: Path) -> AsyncIterator[Services]:
    """Services for which everything is old and overdue at once."""
    job = JobSettings(resend_seconds=1e-6, stall_seconds=1e-6, temporary_file_hours=1e-9)
    async with opened(profile, tmp_path, indices, f"t{uuid.uuid4().hex[:12]}", job) as services:
        yield services


async def rows() -> AsyncIterator[bytes]:
    yield b"a\n1\n"


async def files(services: Services) -> list[str]:
    return [item.key async for item in services.objects.list("tmp/")]


async def staged(services: Services, tenant: str | None = None, job_id: str = JOB) -> None:
    name = tenant or services.settings.tenant
    await stage(services, JobOrder(name, job_id, recipe(), [InputFile("rows.csv", rows)]))


async def exported(services: Services) -> str:
    """The id of an export that is done."""
    await made_job(services, poems(3))
    export = await request_export(services, services.settings.tenant, JOB, Form(ExportFormat.JSONL))
    await worked(services)
    return export.export_id


async def test_what_nobody_refers_to_goes_and_a_dry_run_only_counts_it(services: Services) -> None:
    for key in ("tmp/nobody/input/default/0", "tmp/nobody/export/default/exp_1/a/f.csv", "tmp/sources/upload/data"):
        await services.objects.put(key, rows())
    before = await files(services)
    dry = await sweep(services, dry_run=True)
    assert await files(services) == before
    assert await sweep(services) == dry == Swept(input_files=1, source_files=1, export_files=1)
    assert await files(services) == []
    assert (await sweep(services)).nothing


async def test_what_is_not_ours_stays(services: Services) -> None:
    await services.objects.put("tmp/somebody", rows())
    await services.objects.put("other/file", rows())
    assert (await sweep(services)).nothing
    assert await files(services) == ["tmp/somebody"]


async def test_files_of_a_job_that_still_needs_them_stay_and_those_of_another_tenant_go(services: Services) -> None:
    tenant = services.settings.tenant
    await staged(services)
    await staged(services, f"{tenant}b")
    await change_job(services.store, f"{tenant}b", JOB, lambda _: {"state": JobState.CANCELLED})
    assert (await sweep(services)).input_files == 1
    assert await files(services) == [f"tmp/{JOB}/input/{tenant}/0"]
    assert (await get_job(services.store, f"{tenant}b", JOB)).document.temporary_files == "deleted"


@pytest.mark.parametrize("state", [JobState.CANCELLED, JobState.FAILED, JobState.COMPLETED])
async def test_files_of_a_job_that_ended_go_after_their_time(services: Services, state: JobState) -> None:
    await staged(services)
    await change_job(services.store, services.settings.tenant, JOB, lambda _: {"state": state})
    later = services.settings.model_copy(update={"job": JobSettings(temporary_file_hours=1)})
    assert (await sweep(dataclasses.replace(services, settings=later))).input_files == 0
    assert (await sweep(services)).input_files == 1
    assert await files(services) == []


async def test_an_export_stays_until_it_expires(services: Services) -> None:
    tenant, export_id = services.settings.tenant, await exported(services)
    assert (await sweep(services)).nothing
    assert len(await files(services)) == 1
    await change_export(services.store, tenant, export_id, lambda _: {"expires_at": now()})
    assert await sweep(services, dry_run=True) == Swept(exports_expired=1)
    swept = await sweep(services)
    assert (swept.exports_expired, swept.export_files) == (1, 1)
    assert (await get_export(services.store, tenant, export_id)).document.state is ExportState.EXPIRED
    assert await files(services) == []


async def test_an_order_whose_message_is_lost_is_sent_again(services: Services) -> None:
    await made_job(services, poems(3))
    await request_export(services, services.settings.tenant, JOB, Form(ExportFormat.JSONL))
    async with services.broker.consume(Queue.EXPORTS, prefetch=1) as consumption:
        await consumption.settle(await take_one(consumption), Settlement.ACK)
    assert (await reconcile(services, dry_run=True)).exports_resent == 1
    assert (await services.broker.depth(Queue.EXPORTS)).ready == 0
    assert (await reconcile(services)).exports_resent == 1
    assert (await services.broker.depth(Queue.EXPORTS)).ready == 1


async def test_a_job_whose_requests_are_in_no_queue_gets_another_round(services: Services) -> None:
    await made_job(services, poems(3), state=JobState.PLANNED, records=4)
    assert (await reconcile(services, dry_run=True)).republished == 1
    assert (await get_job(services.store, services.settings.tenant, JOB)).document.round == 1
    assert (await reconcile(services)).republished == 1
    job = (await get_job(services.store, services.settings.tenant, JOB)).document
    assert (job.round, job.state) == (2, JobState.PUBLISHED)


async def test_a_job_whose_requests_may_be_in_a_queue_is_left_alone(services: Services) -> None:
    await made_job(services, poems(3), state=JobState.PLANNED, records=4)
    await services.broker.publish(Queue.GENERATION, [Message("any", b"{}")])
    assert (await reconcile(services)).republished == 0


@pytest.mark.parametrize("profile", [pytest.param("stack", marks=ON_STACK)], indirect=True)
async def test_half_sent_uploads_go_when_they_are_old(services: Services) -> None:
    store = services.objects
    assert isinstance(store, MinioObjectStore)
    store.client._create_multipart_upload(store.bucket, "tmp/a/export/x", {})
    later = services.settings.model_copy(update={"job": JobSettings(temporary_file_hours=1)})
    assert (await sweep(dataclasses.replace(services, settings=later))).nothing
    assert (await sweep(services, dry_run=True)).unfinished_uploads == 1
    assert (await sweep(services)).unfinished_uploads == 1
    assert (await sweep(services)).nothing


async def test_counts_of_settled_messages_go_and_those_of_a_queue_in_use_only_when_very_old(
    services: Services,
) -> None:
    def begun(queue: Queue, hours: float) -> Write:
        at = (now() - timedelta(hours=hours)).isoformat()
        fields = {"version": 1, "tenant": "_broker", "queue": queue.value, "message_id": "m", "starts": 1, "at": at}
        return Write(STARTS, uuid.uuid4().hex, fields)

    settings = services.settings.model_copy(update={"job": JobSettings(temporary_file_hours=24)})
    later = dataclasses.replace(services, settings=settings)
    await services.broker.publish(Queue.GENERATION, [Message("any", b"{}")])
    stray = [begun(Queue.JOBS, 25), begun(Queue.GENERATION, 24 * 8)]
    kept = [begun(Queue.JOBS, 1), begun(Queue.GENERATION, 25)]
    await services.store.bulk([*stray, *kept])
    assert (await sweep(later, dry_run=True)).starts == 2
    assert (await sweep(later)).starts == 2
    left = [await services.store.get(STARTS, write.id) for write in (*stray, *kept)]
    assert [found is not None for found in left] == [False, False, True, True]
    await services.store.delete(STARTS, [write.id for write in kept])
