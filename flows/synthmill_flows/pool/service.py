"""The life of the Prefect worker as a service: server, deployments, worker, hand-over."""

import asyncio
import hashlib
import logging
import socket
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_WORKER_QUERY_SECONDS
from prefect.workers.process import ProcessWorker

from synthmill.monitoring.readiness import NotReady, Question
from synthmill.monitoring.server import monitored
from synthmill.settings import Settings
from synthmill_flows.patience import until_prefect_listens
from synthmill_flows.pool.apply import apply
from synthmill_flows.pool.handover import continue_dead, end, hand_over, runs_of
from synthmill_flows.pool.templates import POOL

_HEALTH_SECONDS = 1.0
_AGAIN_SECONDS = 5.0
_STOP_SECONDS = 10.0
_LAST_WORDS_SECONDS = 5.0

_log = logging.getLogger(__name__)


class PoolService:
    """Runs flows in this folder until `stop`. Runs that are under way then are handed over, not lost, not cancelled."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._name = worker_name(folder)
        self._stopping = asyncio.Event()
        self._worker: ProcessWorker | None = None

    def stop(self) -> None:
        """Takes no more runs; `run` returns when those under way are handed over."""
        self._stopping.set()

    @property
    def parts(self) -> dict[str, Question]:
        """What it needs."""
        return {"prefect": self._server_answers, "worker": self._worker_polls}

    async def run(self) -> None:
        """Serves until `stop`; a server that goes away is waited for. `UserError` when the deployments have a fault."""
        async with monitored(self._settings.monitoring, self.parts):
            if not await self._unless_stopped(until_prefect_listens(_HEALTH_SECONDS)):
                return
            if not await self._unless_stopped(apply(self._settings, self._folder)):
                return
            while not self._stopping.is_set():
                await self._unless_stopped(until_prefect_listens(_HEALTH_SECONDS))
                await self._work()

    async def _work(self) -> None:
        """One life of Prefect's worker; its errors are told, and the next life begins a little later."""
        try:
            async with get_client() as client:
                await continue_dead(client, self._name)
        except (httpx.HTTPError, PrefectException) as error:
            _log.warning("runs of an earlier life are looked at later: %r", error)
        if self._stopping.is_set():
            return
        self._worker = ProcessWorker(work_pool_name=POOL, name=self._name, create_pool_if_not_found=False)
        working = asyncio.create_task(self._worker.start(printer=_log.info))
        if await self._unless_stopped(_ended(working)):
            _log.warning("the worker ended and is started again: %r", working.exception())
            await self._unless_stopped(asyncio.sleep(_AGAIN_SECONDS))
        await self._end(working)

    async def _end(self, working: "asyncio.Task[None]") -> None:
        """Ends the worker and its processes first, so that no run is in two places."""
        async with get_client() as client:
            under_way = []
            with suppress(httpx.HTTPError, PrefectException, TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_SECONDS):
                    under_way = await runs_of(client, self._name)
            working.cancel()
            await asyncio.wait({working}, timeout=_STOP_SECONDS)
            await end(under_way)
            for run in under_way:
                with suppress(httpx.HTTPError, PrefectException, TimeoutError):
                    async with asyncio.timeout(_LAST_WORDS_SECONDS):
                        await hand_over(client, run, "its worker was stopped")

    async def _unless_stopped(self, work: Awaitable[object]) -> bool:
        """Whether the work ended before somebody said stop; its errors are raised."""
        working = asyncio.ensure_future(work)
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if working.done():
            working.result()
            return True
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
        return False

    async def _server_answers(self) -> None:
        async with get_client() as client:
            if await client.api_healthcheck() is not None:
                raise NotReady("unavailable")

    async def _worker_polls(self) -> None:
        worker = self._worker
        seconds = PREFECT_WORKER_QUERY_SECONDS.value()
        if worker is None or not worker.is_setup or not worker.is_worker_still_polling(seconds):
            raise NotReady("not polling")


def worker_name(folder: Path) -> str:
    """The same in every life of a service that works here, and no other's."""
    place = hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:6]
    return f"synthmill-{socket.gethostname()}-{place}"


async def _ended(task: "asyncio.Task[None]") -> None:
    await asyncio.wait({task})
