"""A job that is planned in many units, by workers that share it and one that is killed between two units."""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from synthmill.jobs.order import JobOrder
from synthmill.jobs.submit import submit
from synthmill.ports.broker import Queue
from synthmill.ports.records import Collection, Place
from synthmill.recipes import compile_recipe
from synthmill.services import Services
from synthmill_schemas.job import JobDocument, JobState
from tests.support.installation import QUICK, environment_of
from tests.support.messages import acknowledge, take_one
from tests.support.on_stack import ON_STACK
from tests.support.services import Service, free_port
from tests.support.uploads import TENANT, job_of, recipe_data, upload
from tests.support.wait import until, until_async

pytestmark = list(ON_STACK)

ROWS = 300
_TINY = {
    "SYNTHMILL_WORKER__UNIT_SECONDS": "0.001",
    "SYNTHMILL_WORKER__CHUNK_ROWS": "50",
    "SYNTHMILL_WORKER__PUBLISH_CHUNK": "20",
}

StartWorker = Callable[..., Service]


@pytest.fixture
def start_worker(services: Services, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts workers whose units last next to no time."""
    started: list[Service] = []

    def start(module: str = "synthmill_worker") -> Service:
        port = free_port()
        told = {**os.environ, **environment_of(services.settings), **QUICK, **_TINY}
        told["SYNTHMILL_MONITORING__PORT"] = str(port)
        name = f"worker-{len(started) + 1}"
        started.append(Service(name, [sys.executable, "-m", module], told, tmp_path / f"{name}.log", port))
        started[-1].start()
        return started[-1]

    yield start
    for service in started:
        service.end()


async def ordered(services: Services) -> None:
    """A job on so many rows, some of them twice."""
    data = b"title\n" + b"".join(b"lamp %d\n" % (number % 200) for number in range(ROWS))
    recipe = compile_recipe(recipe_data())
    await submit(services, JobOrder(TENANT, "job-1", recipe, [upload("products.csv", data)]))


async def planned(services: Services) -> JobDocument:
    """The job, when it is planned and its files are gone."""

    async def done() -> JobDocument | None:
        job = await job_of(services)
        return job if job.state is JobState.PLANNED and job.temporary_files == "deleted" else None

    return await until_async(done, "the job to be planned")


async def assert_each_row_once(services: Services, job: JobDocument, *, twice_at_most: int) -> None:
    """Every row is one seed and every slot is asked for; a crash repeats at most one chunk."""
    (source,) = job.sources
    assert (source.seeds, source.bad_rows, source.checkpoint, job.records) == (ROWS, 0, None, ROWS)
    place = Place(TENANT, Collection.INPUTS)
    await services.store.visible(place)
    seeds = [stored.document["seed_id"] async for stored in services.store.scan(place, {"seed_set": source.seed_set})]
    assert (len(seeds), len(set(seeds))) == (ROWS, ROWS)
    asked, requests = Counter[int](), (await services.broker.depth(Queue.GENERATION)).ready
    async with services.broker.consume(Queue.GENERATION, prefetch=100) as consumption:
        for _ in range(requests):
            delivery = await take_one(consumption)
            asked.update(slot["slot"] for slot in json.loads(delivery.message.body)["slots"])
            await acknowledge(consumption, delivery)
    assert set(asked) == set(range(ROWS))
    assert asked.total() - ROWS <= twice_at_most
    assert [item.key async for item in services.objects.list("tmp/")] == []
    assert (await services.broker.depth(Queue.JOBS_DEAD)).ready == 0


async def test_workers_share_the_units_of_a_job(services: Services, start_worker: StartWorker) -> None:
    workers = [start_worker(), start_worker()]
    for worker in workers:
        worker.until_ready()
    await ordered(services)
    await assert_each_row_once(services, await planned(services), twice_at_most=0)
    units = [
        count
        for worker in workers
        for name, count in worker.metrics().items()
        if name.startswith("synthmill_worker_messages_total{") and 'outcome="handed_on"' in name
    ]
    assert sum(units) > 5
    assert [worker.stop() for worker in workers] == [0, 0]


async def test_a_worker_killed_when_it_has_handed_a_job_on_leaves_two_messages_and_one_job(
    services: Services, start_worker: StartWorker
) -> None:
    await ordered(services)
    dying = start_worker("tests.support.dies_handing_on")
    assert dying.process is not None
    assert until(dying.process.poll, "the worker to die") == -signal.SIGKILL
    (source,) = (await job_of(services)).sources
    assert source.checkpoint is not None
    assert 0 < source.checkpoint.seeds < ROWS

    async def left() -> bool:
        return (await services.broker.depth(Queue.JOBS)).ready == 2

    await until_async(left, "the message and its copy to be in the queue")
    workers = [start_worker(), start_worker()]
    await assert_each_row_once(services, await planned(services), twice_at_most=0)
    await asyncio.gather(*(asyncio.to_thread(worker.stop) for worker in workers))
