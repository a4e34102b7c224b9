"""What a running worker tells of itself: its log lines, its metrics, and whether it can work."""

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from synthmill import tracing
from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.jobs.documents import get_job, trace_of
from synthmill.monitoring import metrics
from synthmill.monitoring.readiness import Readiness
from synthmill.ports.broker import Message, Queue
from synthmill.settings import JobSettings, Settings
from synthmill_schemas.job import JobState
from synthmill_worker.runner import Worker
from tests.support.messages import PATIENCE
from tests.support.uploads import TENANT, job_of, submitted

ROWS = b"sku,title\nS-1,lamp\nS-2,desk\nragged\n"


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[EmbeddedServices]:
    settings = Settings(home=tmp_path / "home", job=JobSettings(reconcile_seconds=0.05))
    async with open_embedded(settings) as opened:
        yield opened


@asynccontextmanager
async def running(services: EmbeddedServices) -> AsyncIterator[Worker]:
    worker = Worker(services)
    serving = asyncio.create_task(worker.run())
    yield worker
    worker.stop()
    async with asyncio.timeout(PATIENCE):
        await serving


async def planned(services: EmbeddedServices) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await job_of(services)).state is not JobState.PLANNED:  # noqa: ASYNC110  the store tells no event
            await asyncio.sleep(0.01)


def value(name: str, **labels: str) -> float:
    """A sample of the metrics' text; 0 when there is none."""
    wanted = {f'{label}="{text}"' for label, text in labels.items()}
    for line in metrics.exposition().decode().splitlines():
        sample = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if sample and sample[1] == name and set((sample[2] or "").split(",")) - {""} == wanted:
            return float(sample[3])
    return 0.0


async def test_what_is_logged_about_a_message_carries_its_ids_and_its_trace(
    services: EmbeddedServices, lines: io.StringIO
) -> None:
    await submitted(services, ("products.csv", ROWS))
    async with running(services):
        await planned(services)
    job = (await get_job(services.store, TENANT, "job-1")).document
    about = [json.loads(line) for line in lines.getvalue().splitlines() if '"message_id"' in line]
    assert any("planned" in line["message"] for line in about)
    assert {(line["message_id"], line["trace_id"]) for line in about} == {("job-1", trace_of(job).trace_id)}


async def test_the_work_done_is_counted(services: EmbeddedServices) -> None:
    names = {
        "seeds": ("synthmill_worker_seeds_stored_total", {}),
        "rejects": ("synthmill_worker_input_rejects_total", {}),
        "published": ("synthmill_worker_messages_published_total", {"queue": "generation"}),
        "planned": ("synthmill_worker_messages_total", {"queue": "jobs", "outcome": "planned"}),
        "undecodable": ("synthmill_worker_messages_total", {"queue": "jobs", "outcome": "dead_letter"}),
        "timed": ("synthmill_worker_handling_seconds_count", {"queue": "jobs"}),
    }
    before = {name: value(metric, **labels) for name, (metric, labels) in names.items()}
    await submitted(services, ("products.csv", ROWS))
    await services.broker.publish(Queue.JOBS, [Message("poison", b"no JSON")])
    async with running(services):
        await planned(services)
        async with asyncio.timeout(PATIENCE):
            while (await services.broker.depth(Queue.JOBS)).unsettled:  # noqa: ASYNC110  the queue tells no event
                await asyncio.sleep(0.01)
    gained = {name: value(metric, **labels) - before[name] for name, (metric, labels) in names.items()}
    assert gained == {"seeds": 2, "rejects": 1, "published": 2, "planned": 1, "undecodable": 1, "timed": 2}
    assert value("synthmill_worker_messages_in_hand", queue="jobs") == 0


async def test_the_worker_that_reconciles_tells_how_full_the_queues_are(services: EmbeddedServices) -> None:
    await services.broker.publish(Queue.GENERATION, [Message(f"r-{number}", b"{}") for number in range(3)])
    passes = value("synthmill_worker_reconcile_runs_total", outcome="done")
    async with running(services), asyncio.timeout(PATIENCE):
        while value("synthmill_worker_reconcile_runs_total", outcome="done") == passes:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert value("synthmill_worker_queue_messages", queue="generation", state="ready") == 3


async def test_it_is_ready_while_it_consumes_every_queue_and_the_servers_answer(services: EmbeddedServices) -> None:
    async with running(services) as worker:
        async with asyncio.timeout(PATIENCE):
            while (await Readiness(worker.parts).words())["queues"] != "ok":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        words = await Readiness(worker.parts).words()
        assert words == {"store": "ok", "broker": "ok", "objects": "ok", "queues": "ok"}
    after = await Readiness(worker.parts).words()
    assert after["queues"].startswith("not consumed: jobs, ")


async def test_what_a_worker_is_given_it_goes_on_with_in_the_same_trace(services: EmbeddedServices) -> None:
    await submitted(services, ("products.csv", ROWS))
    async with running(services):
        await planned(services)
    async with services.broker.consume(Queue.GENERATION, prefetch=1) as consumption:
        message = (await anext(aiter(consumption))).message
    trace = tracing.parse(message.headers[tracing.HEADER])
    assert trace is not None
    assert trace.trace_id == trace_of((await get_job(services.store, TENANT, "job-1")).document).trace_id
