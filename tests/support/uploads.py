"""Jobs on uploaded bytes, and a worker that serves them until its queues are empty."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from synthmill.embedded import EmbeddedServices
from synthmill.jobs.documents import get_job
from synthmill.jobs.order import InputFile, JobOrder
from synthmill.jobs.submit import submit
from synthmill.ports.broker import Queue, Settlement
from synthmill.ports.records import Collection, Document, Place
from synthmill.recipes import compile_recipe
from synthmill.services import Services
from synthmill_schemas.job import JobDocument
from synthmill_worker.runner import Worker

TENANT = "default"
DATASET = "products"
WORKER_QUEUES = tuple(queue for queue in Queue if queue is not Queue.GENERATION)
PATIENCE_SECONDS = 60.0

CSV = b"sku,title,price\nA-1,lamp,5\nA-2,chair,20\nA-3,desk,150\n"


def recipe_data(**changes: object) -> dict[str, Any]:
    """A description for each row that has a title."""
    return {
        "version": 1,
        "name": DATASET,
        "model": {"route": "mock/one"},
        "columns": [
            {"name": "title", "kind": "source"},
            {"name": "description", "kind": "llm", "prompt": "Describe {{ title }}."},
        ],
        **changes,
    }


def upload(name: str, data: bytes) -> InputFile:
    """Bytes as an input file."""

    async def read() -> AsyncIterator[bytes]:
        yield data

    return InputFile(name, read)


async def submitted(
    services: EmbeddedServices,
    *inputs: tuple[str, bytes],
    job_id: str = "job-1",
    **recipe: object,
) -> JobDocument:
    """A published job on these files; by default one small CSV."""
    files = [upload(name, data) for name, data in inputs or [("products.csv", CSV)]]
    return await submit(services, JobOrder(TENANT, job_id, compile_recipe(recipe_data(**recipe)), files))


async def job_of(services: Services, job_id: str = "job-1") -> JobDocument:
    """The job as it is stored."""
    return (await get_job(services.store, TENANT, job_id)).document


async def unfinished(services: Services) -> int:
    """Messages that the worker still has to settle."""
    depths = [await services.broker.depth(queue) for queue in WORKER_QUEUES]
    return sum(depth.ready + depth.unsettled for depth in depths)


async def worked(services: Services) -> None:
    """Runs a worker in this process until nothing is left for it."""
    worker = Worker(services)
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await unfinished(services) and not running.done():  # noqa: ASYNC110 — other processes may work too
            await asyncio.sleep(0.01)
        worker.stop()
        await running


async def stored(services: EmbeddedServices, collection: Collection, **where: object) -> list[Document]:
    """All documents of a collection in the order of their ids, without the times at which they were written."""
    place = Place(TENANT, collection, DATASET if collection is Collection.SLOTS else None)
    await services.store.visible(place)
    documents = [hit.document async for hit in services.store.scan(place)]
    wanted = [d for d in documents if all(d.get(name) == value for name, value in where.items())]
    return [{name: value for name, value in d.items() if name not in {"at", "created_at"}} for d in wanted]


async def requests(services: EmbeddedServices) -> Sequence[bytes]:
    """The bodies of all generation requests, which stay in the queue."""
    count = (await services.broker.depth(Queue.GENERATION)).ready
    bodies: list[bytes] = []
    if count:
        async with services.broker.consume(Queue.GENERATION, prefetch=count) as consumption:
            async for delivery in consumption:
                bodies.append(delivery.message.body)
                if len(bodies) == count:
                    break
    return bodies


async def taken(services: EmbeddedServices) -> Sequence[bytes]:
    """The same, settled: a later look finds only what came since."""
    bodies = await requests(services)
    if bodies:
        async with services.broker.consume(Queue.GENERATION, prefetch=len(bodies)) as consumption:
            settled = 0
            async for delivery in consumption:
                await consumption.settle(delivery, Settlement.ACK)
                settled += 1
                if settled == len(bodies):
                    break
    return bodies
