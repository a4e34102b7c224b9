"""The real servers as tests use them: where they listen, and places of their own that are removed afterwards.

Addresses and keys come from the usual SYNTHMILL_… variables; the native stack's are set for the whole test run.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from elasticsearch import AsyncElasticsearch, BadRequestError, NotFoundError
from minio.deleteobjects import DeleteObject

from synthmill.ports.broker import Broker
from synthmill.ports.objects import ObjectStore
from synthmill.ports.records import RecordStore
from synthmill.settings import ElasticSettings, MinioSettings, RabbitSettings, Settings
from synthmill.stack.elastic import ElasticRecordStore
from synthmill.stack.objects import MinioObjectStore
from synthmill.stack.rabbitmq import RabbitBroker
from synthmill.stack.rabbitmq.link import Link
from synthmill.stack.rabbitmq.topology import Topology


def place(location: str) -> str:
    """A name of few letters for a test's place, the same in every process that is told the location."""
    return f"test{hashlib.sha256(location.encode()).hexdigest()[:12]}"


def minio_settings(location: str) -> MinioSettings:
    """A bucket of the test's own."""
    return Settings().minio.model_copy(update={"bucket": place(location)})


@asynccontextmanager
async def minio(location: str) -> AsyncIterator[ObjectStore]:
    """The object store there; its bucket is made."""
    store = MinioObjectStore(minio_settings(location))
    try:
        await store.prepare()
        yield store
    finally:
        await store.close()


async def remove_bucket(location: str) -> None:
    """Takes the bucket away with all that is in it."""
    store = MinioObjectStore(minio_settings(location))
    client, bucket = store.client, store.bucket
    names = [DeleteObject(str(found.object_name)) for found in client.list_objects(bucket, recursive=True)]
    assert list(client.remove_objects(bucket, names)) == []
    client.remove_bucket(bucket)
    await store.close()


def rabbit_settings(location: str) -> RabbitSettings:
    """Queues of the test's own."""
    return Settings().rabbitmq.model_copy(update={"prefix": f"{place(location)}."})


@asynccontextmanager
async def rabbitmq(location: str) -> AsyncIterator[Broker]:
    """The broker there; its queues are declared. Its store is the one of the test run."""
    async with elasticsearch(str(Path(location).parent)) as store:
        broker = RabbitBroker(rabbit_settings(location), store)
        try:
            await broker.declare()
            yield broker
        finally:
            await broker.close()


async def remove_queues(location: str) -> None:
    """Takes all queues away."""
    settings = rabbit_settings(location)
    topology = Topology.declared(settings.prefix)
    link = Link(settings, "remover")
    async with link.passing_channel() as channel:
        for declaration in topology.declarations():
            await channel.queue_delete(declaration.name)
        await channel.exchange_delete(topology.census)
    await link.close()


def elastic_settings(location: str) -> ElasticSettings:
    """Indexes of the test's own."""
    return Settings().elasticsearch.model_copy(update={"prefix": place(location)})


@asynccontextmanager
async def elasticsearch(location: str) -> AsyncIterator[RecordStore]:
    """The record store there; its shared indexes are made."""
    store = ElasticRecordStore(elastic_settings(location))
    try:
        await store.prepare()
        yield store
    finally:
        await store.close()


async def remove_all(location: str) -> None:
    """Takes everything of a test away from the servers."""
    await asyncio.gather(remove_queues(location), remove_indices(location), remove_bucket(location))


async def remove_indices(location: str) -> None:
    """Takes all indexes and templates away."""
    settings = elastic_settings(location)
    async with AsyncElasticsearch(str(settings.url)) as client:
        found = await client.indices.get(index=f"{settings.prefix}-*", features="aliases")
        names = list(found.body)
        for start in range(0, len(names), 20):  # they stand in the request's first line, which has its limit
            await client.indices.delete(index=names[start : start + 20])
        with suppress(NotFoundError):  # nobody came so far as to make any
            await client.indices.delete_index_template(name=f"{settings.prefix}-*")


async def folds_accents(location: str) -> bool:
    """Whether the server can find é by e."""
    async with AsyncElasticsearch(str(elastic_settings(location).url)) as client:
        try:
            await client.indices.analyze(tokenizer="standard", filter=["asciifolding"], text="é")
        except BadRequestError:
            return False
        return True
