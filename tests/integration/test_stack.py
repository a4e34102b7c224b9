"""The services' own work on the real servers together: from an uploaded file to counted, checked records."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from synthmill.errors import ObjectMissing
from synthmill.jobs.check import check
from synthmill.jobs.cleanup import delete_temporary_files
from synthmill.jobs.documents import get_job
from synthmill.jobs.order import JobOrder
from synthmill.jobs.status import job_status
from synthmill.jobs.submit import submit
from synthmill.ports.broker import Queue
from synthmill.ports.records import Collection, Place, Query, Write, WriteMode
from synthmill.recipes import compile_recipe
from synthmill.services import Services, open_services
from synthmill.settings import Profile, Settings
from synthmill_schemas.generation import GenerationRequest
from synthmill_schemas.job import JobState
from tests.support import stack
from tests.support.jobs import accepted
from tests.support.messages import PATIENCE, acknowledge, depth_is, take_one
from tests.support.on_stack import ON_STACK
from tests.support.uploads import TENANT, recipe_data, upload

pytestmark = list(ON_STACK)
JOB = "job-1"
ROWS = 600


def settings_of(location: Path) -> Settings:
    """Places of the test's own on each server."""
    at = str(location)
    return Settings(
        profile=Profile.STACK,
        rabbitmq=stack.rabbit_settings(at),
        elasticsearch=stack.elastic_settings(at),
        minio=stack.minio_settings(at),
    )


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    async with open_services(settings_of(tmp_path)) as services:
        yield services
    await stack.remove_all(str(tmp_path))


@contextmanager
def worker(settings: Settings, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker process on the same places; nothing of it is left at the end."""
    keys = {"ACCESS_KEY": settings.minio.access_key, "SECRET_KEY": settings.minio.secret_key}
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "SYNTHMILL_PROFILE": "stack",
        "SYNTHMILL_RABBITMQ__PREFIX": settings.rabbitmq.prefix,
        "SYNTHMILL_ELASTICSEARCH__PREFIX": settings.elasticsearch.prefix,
        "SYNTHMILL_MINIO__BUCKET": settings.minio.bucket,
        **{f"SYNTHMILL_MINIO__{name}": key.get_secret_value() for name, key in keys.items() if key is not None},
        "SYNTHMILL_WORKER__LEASE_SECONDS": "1.5",
        "SYNTHMILL_WORKER__PUBLISH_CHUNK": "50",
    }
    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "synthmill_worker"], stderr=log, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def until_planned(services: Services, *, at_least: int | None = None) -> None:
    """Waits until the job is planned, or so far with it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            job = (await get_job(services.store, TENANT, JOB)).document
            if job.state is JobState.PLANNED:
                return
            if at_least is not None and job.checkpoint is not None and job.checkpoint.next_slot >= at_least:
                return
            await asyncio.sleep(0.01)


async def generate(services: Services) -> set[int]:
    """Stands in for the consumer until the queue is empty; answers the slots it was asked for."""
    slots: set[int] = set()
    async with services.broker.consume(Queue.GENERATION, prefetch=100) as consumption:
        depth = await services.broker.depth(Queue.GENERATION)
        for _ in range(depth.ready + depth.unsettled):
            delivery = await take_one(consumption)
            request = GenerationRequest.model_validate_json(delivery.message.body)
            place = Place(request.tenant, Collection.SLOTS, request.dataset)
            documents = [
                accepted(
                    request.job_id,
                    slot.slot,
                    dataset=request.dataset,
                    data={**slot.attributes, "title": f"title {slot.slot}", "description": f"text {slot.slot}"},
                )
                for slot in request.slots
            ]
            writes = [Write(place, d.record_id, d.model_dump(mode="json"), WriteMode.RANKED, d.rank) for d in documents]
            await services.store.bulk(writes)
            slots |= {document.slot for document in documents}
            await acknowledge(consumption, delivery)
    return slots


async def test_a_file_becomes_records_though_its_worker_is_killed(services: Services, tmp_path: Path) -> None:
    rows = "sku,title\n" + "".join(f"S-{number},title {number}\n" for number in range(ROWS))
    order = JobOrder(TENANT, JOB, compile_recipe(recipe_data()), [upload("products.csv", rows.encode())])
    source = (await submit(services, order)).sources[0]
    with worker(services.settings, tmp_path):
        await until_planned(services, at_least=100)
    with worker(services.settings, tmp_path):
        await until_planned(services)
        await depth_is(services.broker, Queue.JOBS, lambda depth: depth.ready + depth.unsettled == 0)
    assert await generate(services) == set(range(ROWS))

    status = await job_status(services.store, TENANT, JOB)
    assert (status.accepted, status.exhausted, status.parked, status.pending) == (ROWS, 0, 0, 0)
    report = await check(services.store, TENANT, JOB)
    assert (report.complete, report.faults) == (True, [])
    found = await services.store.search(Place(TENANT, Collection.RECORDS, "products"), Query(text="title 77"))
    assert found.total == 1
    seeds = Place(TENANT, Collection.INPUTS)
    await services.store.visible(seeds)
    assert await services.store.count(seeds, {"data.sku": "S-77"}) == 1

    await delete_temporary_files(services, TENANT, JOB)
    with pytest.raises(ObjectMissing):
        async with services.objects.open(source.object_key):
            pass
