"""Follows the rounds that this worker planned, so that a job ends soon after its last record though nobody watches.

It is only haste: what a dead worker followed, the next reconcile moves on.
"""

import asyncio
import logging

from synthmill.errors import Retriable, SynthmillError
from synthmill.jobs.track import RemotePace, track_round
from synthmill.services import Services

_AT_FULL_PACE = 5  # rounds; looking at one takes the record store some ten small requests
_OUTAGE_SECONDS = 5.0

logger = logging.getLogger(__name__)

Round = tuple[str, str, int]
"""Tenant, job and number."""


class Followed:
    """The rounds that are being followed."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._following: dict[Round, asyncio.Task[None]] = {}

    def add(self, tenant: str, job_id: str, round_: int) -> None:
        """Follows the round until it has ended; one that is followed already is not followed twice."""
        key = (tenant, job_id, round_)
        if key not in self._following:
            task = asyncio.create_task(self._follow(key), name=f"follow {job_id} round {round_}")
            self._following[key] = task
            task.add_done_callback(lambda _: self._following.pop(key, None))

    async def close(self) -> None:
        """Follows no longer."""
        following = list(self._following.values())
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)

    async def _follow(self, key: Round) -> None:
        while True:
            try:
                return await track_round(self._services, *key, RemotePace(self._crowd))
            except Retriable as error:
                logger.warning("job %s is not followed for now: %s", key[1], error)
                await asyncio.sleep(_OUTAGE_SECONDS)
            except SynthmillError as error:
                logger.warning("job %s is not followed any more: %s", key[1], error)
                return None

    def _crowd(self) -> float:
        return max(1.0, len(self._following) / _AT_FULL_PACE)
