"""Opens the three servers together and sees to what they must hold: bucket, indexes, queues."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from synthmill.services import Services
from synthmill.settings import Settings
from synthmill.stack.elastic import ElasticRecordStore
from synthmill.stack.objects import MinioObjectStore
from synthmill.stack.rabbitmq import RabbitBroker


@asynccontextmanager
async def open_stack(settings: Settings) -> AsyncIterator[Services]:
    """The ports on the servers that the settings name; raises a `Retriable` error when one cannot be reached."""
    async with AsyncExitStack() as opened:
        objects = MinioObjectStore(settings.minio)
        opened.push_async_callback(objects.close)
        store = ElasticRecordStore(settings.elasticsearch)
        opened.push_async_callback(store.close)
        broker = RabbitBroker(settings.rabbitmq, store)
        opened.push_async_callback(broker.close)
        await objects.prepare()
        await store.prepare()
        await broker.declare()
        yield Services(settings, objects, broker, store)
