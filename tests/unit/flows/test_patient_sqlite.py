"""Prefect's database when many of its requests come at once."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from sqlalchemy import text

from synthmill_flows.patient_sqlite import patient_sqlite

WAITING = 40
"""More than five runs and their worker ask for at once."""


async def test_however_many_wait_for_the_write_lock_another_one_reads(tmp_path: Path) -> None:
    engine = await patient_sqlite(tmp_path / "prefect.db").engine()
    async with AsyncExitStack() as held, asyncio.timeout(20):  # SQLAlchemy's own patience is 30 s
        connections = [await held.enter_async_context(engine.connect()) for _ in range(WAITING)]
        assert (await connections[-1].execute(text("SELECT 1"))).scalar() == 1
    await engine.dispose()
