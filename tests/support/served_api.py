"""The API on a port of this process, with a worker beside it, on the services of either profile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from synthmill.serving.http import Server
from synthmill.serving.listening import Listening, bind
from synthmill.settings import Settings
from synthmill_api.app import create_app
from synthmill_api.config import ApiConfig
from synthmill_api.handlers import UNREADABLE
from synthmill_worker.runner import Worker
from tests.support.api import Api
from tests.support.wait import until_async


@dataclass(frozen=True, slots=True)
class Served:
    """A running API and where it listens."""

    api: Api
    url: str


@asynccontextmanager
async def served(settings: Settings, config: ApiConfig) -> AsyncIterator[Served]:
    """Between the start and the end of its life."""
    app = create_app(settings, config)
    server = Server(app, bind(Listening("127.0.0.1", 0)), None, 5, unreadable=UNREADABLE)
    running = asyncio.create_task(server.run_until_stopped())
    try:
        await until_async(lambda: _started(server, running), "the API to listen")
        host, port = server.address
        async with _worker(Api(app)):
            yield Served(Api(app), f"http://{host}:{port}")
    finally:
        server.stop()
        await running


@asynccontextmanager
async def _worker(api: Api) -> AsyncIterator[None]:
    worker = Worker(api.runtime.services)
    working = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await working


async def _started(server: Server, running: "asyncio.Task[None]") -> bool:
    assert not running.done(), "it ended"
    return server.started
