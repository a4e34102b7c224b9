"""Reconciles every now and then, beside the queues; of several workers one at a time does (design law 11)."""

import asyncio
import logging

from synthmill.errors import Retriable
from synthmill.jobs.lease import new_owner
from synthmill.jobs.reconcile import reconcile, take_turn
from synthmill.services import Services

logger = logging.getLogger(__name__)


async def keep_up(services: Services) -> None:
    """Runs until cancelled. What cannot be reached now is tried again in the next period."""
    owner, tenant = new_owner(), services.settings.tenant
    period_seconds = services.settings.job.reconcile_seconds
    while True:
        await asyncio.sleep(period_seconds)
        try:
            if await take_turn(services, tenant, owner, 2 * period_seconds):
                repairs = await reconcile(services)
                logger.debug("reconciled: %s", repairs)
        except Retriable as error:
            logger.warning("not reconciled: %s", error)
