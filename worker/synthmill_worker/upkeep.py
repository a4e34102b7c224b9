"""Reconciles every now and then, beside the queues; of several workers one at a time does (design law 11)."""

import asyncio
import logging
from dataclasses import asdict

from synthmill.errors import Retriable
from synthmill.jobs.lease import new_owner
from synthmill.jobs.reconcile import reconcile, sweep_in_turn, take_turn
from synthmill.services import Services
from synthmill_worker import metrics

logger = logging.getLogger(__name__)


async def keep_up(services: Services) -> None:
    """Runs until cancelled. What cannot be reached now is tried again in the next period."""
    owner, tenant = new_owner(), services.settings.tenant
    period_seconds = services.settings.job.reconcile_seconds
    while True:
        await asyncio.sleep(period_seconds)
        try:
            if await take_turn(services, tenant, owner, 2 * period_seconds):
                await _reconcile(services)
            else:
                metrics.QUEUE_MESSAGES.forget()
        except Retriable as error:
            metrics.RECONCILE_RUNS.add(outcome="failed")
            metrics.QUEUE_MESSAGES.forget()
            logger.warning("not reconciled: %s", error)


async def _reconcile(services: Services) -> None:
    await metrics.tell_queues(services.broker)
    repairs = await reconcile(services)
    swept = await sweep_in_turn(services)
    metrics.RECONCILE_RUNS.add(outcome="done")
    for kind, count in (asdict(repairs) | (asdict(swept) if swept else {})).items():
        metrics.REPAIRS.add(count, kind=kind)
    logger.debug("reconciled: %s", repairs)
