"""Watches the jobs inside a lane: one that was stopped or went on to another round gets a cancel line, once."""

import asyncio

from synthmill.bridge.intake import JOB_VIEW_SECONDS, JobKey, JobViews
from synthmill.bridge.lane import Lane


async def watch_jobs(lane: Lane, views: JobViews) -> None:
    """Runs until cancelled; a job document is the only place where a stop is said."""
    told: dict[JobKey, int] = {}
    while True:
        await asyncio.sleep(JOB_VIEW_SECONDS)
        for job in lane.jobs:
            view = await views.get(job)
            through = view.round if not view.running else view.round - 1
            if through > told.get(job, 0):
                told[job] = through
                await lane.cancel(job, through)
        views.forget(lane.jobs)
        if lane.reservations.beat_is_due:
            async with lane.database.transaction():
                await lane.reservations.beat()
