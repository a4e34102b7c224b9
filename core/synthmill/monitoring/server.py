"""Serves the pages beside a program that has no HTTP server of its own."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from synthmill.errors import UserError
from synthmill.monitoring.readiness import Question, Readiness
from synthmill.serving.listening import Listening, bind
from synthmill.settings import MonitoringSettings

logger = logging.getLogger(__name__)

_DRAIN_SECONDS = 1


@asynccontextmanager
async def monitored(settings: MonitoringSettings, parts: dict[str, Question]) -> AsyncIterator[None]:
    """The pages are served while the context lasts, if the settings name a port; `UserError` if it cannot be had."""
    if settings.port is None:
        yield
        return
    async with _serving(settings, settings.port, parts):
        yield


@asynccontextmanager
async def _serving(settings: MonitoringSettings, port: int, parts: dict[str, Question]) -> AsyncIterator[None]:
    # a tenth of a second of imports, for those who want it
    from synthmill.monitoring.pages import Pages, PagesApp
    from synthmill.serving.http import Server

    try:
        bound = bind(Listening(settings.host, port))
    except OSError as error:
        text = f"cannot listen on {settings.host}:{port}: {error.strerror}; set SYNTHMILL_MONITORING__PORT to another"
        raise UserError(text) from error
    pages = Pages(Readiness(parts), with_metrics=settings.metrics)
    server = Server(PagesApp(None, pages), bound, None, _DRAIN_SECONDS)
    serving = asyncio.create_task(server.run_until_stopped())
    host, port = server.address
    logger.info("monitoring on http://%s:%d", host, port, extra={"host": host, "port": port})
    try:
        yield
    finally:
        server.stop()
        await serving
        await pages.close()
