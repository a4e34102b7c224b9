"""One connection to RabbitMQ, opened when it is needed and opened anew when it was lost."""

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from pydantic import AmqpDsn

from synthmill.errors import BrokerUnavailable, UserError
from synthmill.settings import RabbitSettings
from synthmill.stack.rabbitmq.errors import told

# it writes a traceback for each lost connection, of which we tell ourselves
logging.getLogger("aiormq.connection").setLevel(logging.ERROR)

CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 5.0

COOL_DOWN_SECONDS = 0.5
"""After a failure everybody who waits is told of it, instead of trying one after the other."""


class Link:
    """A connection under a name that the broker shows; every caller gets the same one while it lives."""

    def __init__(self, settings: RabbitSettings, name: str) -> None:
        self._settings = settings
        self._url = _address(settings)
        self._name = name
        self._connection: AbstractConnection | None = None
        self._turn = asyncio.Lock()
        self._failed: tuple[float, BrokerUnavailable] | None = None

    async def connection(self) -> AbstractConnection:
        """A living connection; `BrokerUnavailable` when none can be had."""
        async with self._turn:
            if self._connection is None or not self._connection.connected.is_set():
                await self._close()  # a lost connection does not count as closed
                self._connection = await self._connect()
            return self._connection

    async def channel(self, *, confirms: bool) -> AbstractChannel:
        """An open channel; with `confirms` a publish returns when the broker has the message, or raises."""
        connection = await self.connection()
        with told("opening a channel"):
            async with asyncio.timeout(CONNECT_SECONDS):
                channel = connection.channel(publisher_confirms=confirms, on_return_raises=confirms)
                await channel.initialize()
                return channel

    @asynccontextmanager
    async def passing_channel(self) -> AsyncIterator[AbstractChannel]:
        """A channel for one purpose."""
        channel = await self.channel(confirms=False)
        try:
            yield channel
        finally:
            await close(channel)

    async def close(self) -> None:
        """Closes the connection if there is one; the next caller would get a new one."""
        async with self._turn:
            await self._close()

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await close(connection)

    async def _connect(self) -> AbstractConnection:
        now = time.monotonic()
        if self._failed is not None and now < self._failed[0] + COOL_DOWN_SECONDS:
            raise BrokerUnavailable(f"{self._failed[1]} (a moment ago)")
        try:
            with told("connecting to the broker"):
                return await _connect(self._url, self._settings, self._name)
        except BrokerUnavailable as error:
            self._failed = (time.monotonic(), error)
            raise


def _address(settings: RabbitSettings) -> AmqpDsn:
    """There is no default: it would hold a password that everybody knows, and the library would add it by itself."""
    url = settings.url
    if url is None:
        raise UserError(
            "SYNTHMILL_RABBITMQ__URL is not set: give the broker's address, amqp://USER:PASSWORD@HOST:PORT/"
        )
    if not url.username or not url.password:
        raise UserError("SYNTHMILL_RABBITMQ__URL has no user or no password: amqp://USER:PASSWORD@HOST:PORT/")
    return url


async def _connect(url: AmqpDsn, settings: RabbitSettings, name: str) -> AbstractConnection:
    return await aio_pika.connect(
        str(url),
        heartbeat=settings.heartbeat_seconds,
        timeout=CONNECT_SECONDS,
        ssl_context=ssl.create_default_context(cafile=settings.ca_file) if url.scheme == "amqps" else None,
        client_properties={"connection_name": f"synthmill {name}"},
    )


async def close(resource: AbstractChannel | AbstractConnection) -> None:
    """Closes it; one that is gone already, or does not answer any more, is closed enough."""
    with suppress(Exception):
        async with asyncio.timeout(CLOSE_SECONDS):
            await resource.close()
