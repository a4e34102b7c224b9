"""All queues of the worker, and what it does beside them.

Stopping takes three steps: stop taking deliveries, wait for what is in hand, abort what does not end in time.
"""

import asyncio
import logging
from dataclasses import replace

from synthmill.monitoring.ports import port_questions
from synthmill.monitoring.readiness import NotReady, Question
from synthmill.monitoring.server import monitored
from synthmill.ports.broker import Message, Queue
from synthmill.services import Services
from synthmill.webhooks.courier import carry
from synthmill_worker import metrics
from synthmill_worker.followed import Followed
from synthmill_worker.handlers.dead_letter import handle_dead_export, handle_dead_job, handle_dead_request
from synthmill_worker.handlers.export import handle_export
from synthmill_worker.handlers.job import decode, handle_job
from synthmill_worker.handlers.words import Handled
from synthmill_worker.lane import Lane
from synthmill_worker.upkeep import keep_up

DRAIN_SECONDS = 15.0
"""What ends by itself may; the rest of the promised 25 s is for handing over what does not."""

_EXPORTS_AT_A_TIME = 2  # each holds two parts of an upload in memory

logger = logging.getLogger(__name__)


class Worker:
    """All queues of the worker, until `stop`."""

    def __init__(self, services: Services, *, drain_seconds: float = DRAIN_SECONDS) -> None:
        jobs_at_a_time = services.settings.worker.prefetch
        services = replace(services, broker=metrics.MeasuredBroker(services.broker))
        self._services = services
        self._followed = Followed(services)
        self._drain_seconds = drain_seconds
        self._stopping = asyncio.Event()
        self._lanes = [
            Lane(services, Queue.JOBS, self._plan, jobs_at_a_time),
            Lane(services, Queue.EXPORTS, handle_export, _EXPORTS_AT_A_TIME),
            Lane(services, Queue.JOBS_DEAD, handle_dead_job, 1),
            Lane(services, Queue.GENERATION_DEAD, handle_dead_request, 1),
            Lane(services, Queue.EXPORTS_DEAD, handle_dead_export, 1),
        ]

    def stop(self) -> None:
        """Takes nothing more; `run` returns when what is in hand has ended, or was given back."""
        self._stopping.set()

    @property
    def parts(self) -> dict[str, Question]:
        """What has to answer so that it can work: the servers, and the queues by sending deliveries."""
        return {**port_questions(self._services), "queues": self._all_consuming}

    async def run(self) -> None:
        """Serves until `stop`, or until a lane cannot go on: its error is raised, the others end in order."""
        async with monitored(self._services.settings.monitoring, self.parts):
            await self._serve()

    async def _all_consuming(self) -> None:
        idle = [lane.queue.value for lane in self._lanes if not lane.consuming]
        if idle:
            raise NotReady(f"not consumed: {', '.join(idle)}")

    async def _plan(self, services: Services, message: Message) -> Handled:
        """Plans a round and follows it, also one that a worker planned which died before it said so."""
        handled = await handle_job(services, message)
        if handled in (Handled.PLANNED, Handled.DONE_BEFORE):
            wanted = decode(message)
            self._followed.add(wanted.tenant, wanted.job_id, wanted.round)
        return handled

    async def _serve(self) -> None:
        lanes = [asyncio.create_task(lane.run(), name=lane.queue) for lane in self._lanes]
        stopping = asyncio.create_task(self._stopping.wait())
        beside = [asyncio.create_task(keep_up(self._services)), asyncio.create_task(carry(self._services))]
        await asyncio.wait({*lanes, stopping, *beside}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        for task in beside:
            task.cancel()
        self._stop_taking()
        await self._followed.close()
        await self._wait(lanes)
        await self._abort(lanes)
        for task in beside:
            await asyncio.wait({task})
            if not task.cancelled():
                task.result()

    def _stop_taking(self) -> None:
        for lane in self._lanes:
            lane.stop_taking()

    async def _wait(self, lanes: list[asyncio.Task[None]]) -> None:
        await asyncio.wait(lanes, timeout=self._drain_seconds)

    async def _abort(self, lanes: list[asyncio.Task[None]]) -> None:
        for lane in lanes:
            if not lane.done():
                logger.warning("%s did not drain within %.0f s: giving back", lane.get_name(), self._drain_seconds)
                lane.cancel()
        for outcome in await asyncio.gather(*lanes, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome
