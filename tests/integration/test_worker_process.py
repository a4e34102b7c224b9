"""The worker as a process: it ends when asked, and whatever kills it, another one finishes its work."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.jobs.rounds import resume
from synthmill.jobs.status import job_status
from synthmill.ports.broker import Queue
from synthmill.ports.records import Collection, Place
from synthmill.settings import Settings
from synthmill_schemas.job import JobState
from tests.support.jobs import accepted, store_slots
from tests.support.messages import PATIENCE, depth_is
from tests.support.uploads import TENANT, job_of, requests, stored, submitted

ROWS = 3_000


def table() -> bytes:
    """Rows with repeats, bad ones among them, all the good ones over two lines."""
    rows = [f'S{n % 1700},"lamp\n{n % 11}",{n % 100}' if n % 50 else "ragged" for n in range(ROWS)]
    return "\n".join(["sku,title,price", *rows]).encode()


@contextmanager
def worker(home: Path, *arguments: str, reconcile_seconds: float = 15) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker process that logs to `worker.log` beside its home; nothing of it is left at the end."""
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "SYNTHMILL_HOME": str(home),
        "SYNTHMILL_WORKER__LEASE_SECONDS": "1.5",
        "SYNTHMILL_JOB__RECONCILE_SECONDS": str(reconcile_seconds),
    }
    with (home.parent / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "synthmill_worker", *arguments],
            stdin=subprocess.PIPE,
            stderr=log,
            env=environment,
        )
    assert process.stdin is not None
    with process.stdin:
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[EmbeddedServices]:
    async with open_embedded(Settings(home=tmp_path / "home")) as opened:
        yield opened


async def until(services: EmbeddedServices, state: JobState) -> None:
    """Waits for the job to come to this state."""
    async with asyncio.timeout(PATIENCE):
        while (await job_of(services)).state is not state:  # noqa: ASYNC110 — by another process
            await asyncio.sleep(0.02)


async def until_consuming(services: EmbeddedServices) -> None:
    """Waits for the worker to listen."""
    async with asyncio.timeout(PATIENCE):
        while (await services.broker.depth(Queue.JOBS)).consumers == 0:  # noqa: ASYNC110 — by another process
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_order(services: EmbeddedServices, number: signal.Signals) -> None:
    with worker(services.settings.home) as process:
        await until_consuming(services)
        process.send_signal(number)
        assert await asyncio.to_thread(process.wait, PATIENCE) == 0


async def test_it_ends_when_the_process_that_started_it_is_gone(services: EmbeddedServices) -> None:
    with worker(services.settings.home, "--watch-stdin") as process:
        await until_consuming(services)
        assert process.stdin is not None
        process.stdin.close()
        assert await asyncio.to_thread(process.wait, PATIENCE) == 0


async def test_its_logs_are_lines_of_json_with_the_job_in_them(services: EmbeddedServices) -> None:
    await submitted(services)
    home = services.settings.home
    with worker(home) as process:
        await until(services, JobState.PLANNED)
        process.terminate()
        await asyncio.to_thread(process.wait, PATIENCE)
    lines = [json.loads(line) for line in (home.parent / "worker.log").read_text().splitlines()]
    assert {"worker"} == {line["service"] for line in lines}
    assert any("job-1" in line["message"] and "planned" in line["message"] for line in lines)


async def facts(services: EmbeddedServices) -> tuple[object, ...]:
    """All that the worker has to bring about, in a form that can be compared."""
    job = await job_of(services)
    seeds, rejects = await stored(services, Collection.INPUTS), await stored(services, Collection.REJECTS)
    bodies = sorted(await requests(services))
    return job.records, job.sources, seeds, rejects, bodies


async def undisturbed(home: Path) -> tuple[object, ...]:
    """What one worker that nobody kills brings about."""
    async with open_embedded(Settings(home=home)) as services:
        await submitted(services, ("products.csv", table()))
        with worker(home):
            await until(services, JobState.PLANNED)
        return await facts(services)


async def test_a_job_whose_follower_died_is_closed_by_another_worker(services: EmbeddedServices) -> None:
    home = services.settings.home
    await submitted(services, ("products.csv", b"sku,title\nS-1,lamp\n"), name="colours")
    with worker(home, reconcile_seconds=0.2) as first:
        await until(services, JobState.PLANNED)
        await depth_is(services.broker, Queue.JOBS, lambda depth: depth.ready + depth.unsettled == 0)
        await until_reconciling(services)
        with worker(home, reconcile_seconds=0.2):
            first.kill()  # it follows the job, and it is its turn to reconcile
            await asyncio.to_thread(first.wait)
            await store_slots(services, accepted("job-1", 0))
            await until(services, JobState.COMPLETED)
            async with asyncio.timeout(PATIENCE):
                while not (closed := await stored(services, Collection.EVENTS, name="job.completed")):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
    assert [event["service"] for event in closed] == ["reconcile"]


async def until_reconciling(services: EmbeddedServices) -> None:
    """Waits for the only worker to have taken its turn."""
    async with asyncio.timeout(PATIENCE):
        while await services.store.get(Place(TENANT, Collection.REPORTS), "reconcile") is None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("seed", range(4))
async def test_killed_at_any_moment_it_leaves_nothing_that_another_cannot_finish(
    services: EmbeddedServices, tmp_path: Path, seed: int
) -> None:
    wanted = await undisturbed(tmp_path / "undisturbed")
    await submitted(services, ("products.csv", table()))
    await killed(services, random.Random(seed).randrange(ROWS), planning=seed == 0)
    with worker(services.settings.home):
        await until(services, JobState.PLANNED)
    assert await facts(services) == wanted
    assert await stored(services, Collection.REPORTS, kind="dead_letter") == []


async def test_a_job_that_kills_its_worker_twice_is_given_up_and_can_be_resumed(services: EmbeddedServices) -> None:
    await submitted(services, ("products.csv", table()))
    for seeds in (1, 1_000):
        await killed(services, seeds)
    with worker(services.settings.home):
        await until(services, JobState.FAILED)
    job = await job_of(services)
    assert job.reason is not None
    assert "began 3 times and never ended well; its process ended each time" in job.reason
    await resume(services, job, await job_status(services.store, TENANT, job.job_id))
    with worker(services.settings.home):
        await until(services, JobState.PLANNED)
    assert len(await requests(services)) == ROWS - ROWS // 50


async def killed(services: EmbeddedServices, seeds: int, *, planning: bool = False) -> None:
    """A worker that gets SIGKILL once so many seeds are stored, or as soon as requests are being published."""
    with worker(services.settings.home) as process:
        async with asyncio.timeout(PATIENCE):
            while process.poll() is None and (await job_of(services)).state is not JobState.PLANNED:
                published = (await services.broker.depth(Queue.GENERATION)).ready
                if published if planning else await seed_count(services) >= seeds:
                    return
                await asyncio.sleep(0.002)


async def seed_count(services: EmbeddedServices) -> int:
    """How many seeds are stored."""
    return await services.store.count(Place(TENANT, Collection.INPUTS))
