"""The command line on the stack: it starts nothing, the services that run do the work."""

import asyncio
import json
import os
import signal
import sys
import threading
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from synthmill.ports.broker import Queue, Settlement
from synthmill.ports.records import Collection, Place, Write, WriteMode
from synthmill.services import Services, open_services
from synthmill.settings import Settings
from synthmill_schemas.generation import GenerationRequest
from tests.support import stack
from tests.support.installation import QUICK, environment_of, settings_on
from tests.support.jobs import accepted
from tests.support.on_stack import ON_STACK
from tests.support.program import Program, Result
from tests.support.services import Service
from tests.support.uploads import recipe_data
from tests.support.wait import until

pytestmark = list(ON_STACK)
ROWS = 30


@pytest.fixture
async def settings(tmp_path: Path) -> AsyncIterator[Settings]:
    settings = settings_on(tmp_path)
    async with open_services(settings):
        yield settings
    await stack.remove_all(str(tmp_path))


@pytest.fixture
def program(tmp_path: Path, settings: Settings) -> Program:
    """`synthmill` on this installation, and files for it."""
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe_data()))
    (tmp_path / "p.csv").write_text("sku,title\n" + "".join(f"S-{n},title {n}\n" for n in range(ROWS)))
    return Program(tmp_path / "home", environment_of(settings))


@pytest.fixture
def worker(program: Program, tmp_path: Path) -> Iterator[Service]:
    """A worker that runs already."""

    home = str(tmp_path / "elsewhere")  # what works in a program's home ends with it
    told = {**os.environ, **program.environment, **QUICK, "SYNTHMILL_HOME": home}
    service = Service("worker", [sys.executable, "-m", "synthmill_worker"], told, tmp_path / "worker.log", 0)
    service.start()
    yield service
    service.end()


@contextmanager
def consumer(settings: Settings) -> Iterator[None]:
    """Stands in for the consumer, in a thread with connections of its own: accepts every slot."""
    stopping = threading.Event()

    async def serve() -> None:
        async with (
            open_services(settings) as services,
            services.broker.consume(Queue.GENERATION, prefetch=100) as consumption,
        ):

            async def stop() -> None:
                await asyncio.to_thread(stopping.wait)
                consumption.stop()

            ending = asyncio.create_task(stop())
            async for delivery in consumption:
                await _accept(services, delivery.message.body)
                await consumption.settle(delivery, Settlement.ACK)
            await ending

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


async def _accept(services: Services, body: bytes) -> None:
    request = GenerationRequest.model_validate_json(body)
    place = Place(request.tenant, Collection.SLOTS, request.dataset)
    documents = [
        accepted(request.job_id, s.slot, dataset=request.dataset, data={**s.attributes, "description": f"d {s.slot}"})
        for s in request.slots
    ]
    await services.store.bulk(
        [Write(place, d.record_id, d.model_dump(mode="json"), WriteMode.RANKED, d.rank) for d in documents]
    )


def run(program: Program, *more: str) -> Result:
    folder = program.home.parent
    return program.run("run", folder / "recipe.yaml", "--input", folder / "p.csv", "--job-id", "job-1", *more)


def test_run_follows_the_services_and_writes_the_files(program: Program, settings: Settings, worker: Service) -> None:
    with consumer(settings):
        result = run(program, "--out", str(program.home.parent / "out"), "--json")
    assert (result.code, result.summary["state"], result.summary["accepted"]) == (0, "completed", ROWS), result.err
    assert not (program.home / "logs").exists()  # nothing was started
    lines = (program.home.parent / "out" / "products.jsonl").read_text().splitlines()
    assert [json.loads(line)["_record_id"] for line in lines] == [f"job-1-{n}" for n in range(ROWS)]

    status = program.run("status", "job-1", "--json")
    assert (status.code, status.summary["accepted"]) == (0, ROWS)
    assert program.run("gate", "job-1", "--json").summary["verdict"] == "passed"  # there is no Prefect here to do it
    (version,) = program.run("datasets", "show", "products", "--json").summary["versions"]
    assert (version["number"], version["job_id"], version["records"]) == (1, "job-1", ROWS)
    events = [json.loads(line) for line in program.run("logs", "job-1", "--json").out.splitlines()]
    assert [event["name"] for event in events if event["service"] != "flow"][:1] == ["job.published"]
    assert {"worker", "cli"} <= {event["service"] for event in events}

    url = program.run("export", "job-1", "--format", "csv").out.strip()
    assert len(urllib.request.urlopen(url).read().splitlines()) == ROWS + 1
    told = program.run("export", "job-1", "--gzip", "-o", "some.gz", "--json").summary
    assert told["size"] == (program.home.parent / "some.gz").stat().st_size
    worker.kill()


def test_who_leaves_a_job_lets_it_go_on_and_who_cancels_it_does_not(
    program: Program, settings: Settings, worker: Service
) -> None:
    folder = program.home.parent
    arguments = ["run", folder / "recipe.yaml", "--input", folder / "p.csv", "--job-id", "job-1"]
    with program.started(*arguments) as process:
        until(lambda: state(program) == "planned", "the job to be planned")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "no consumer listens at queue generation" in err
    assert "the services go on with it: synthmill status job-1 --watch" in err
    assert "synthmill cancel job-1" in out
    assert state(program) == "planned"

    assert program.run("cancel", "job-1").code == 0
    assert state(program) == "cancelled"
    with consumer(settings):
        resumed = program.run("resume", "job-1", "--json")
    assert (resumed.code, resumed.summary["accepted"], resumed.summary["round"]) == (0, ROWS, 2), resumed.err


def state(program: Program) -> str | None:
    """The job's state, asked from another home: whoever ends a program ends all in its home."""
    home = program.home.parent / "asking"
    result = Program(home, {**program.environment, "SYNTHMILL_HOME": str(home)}).run("status", "job-1", "--json")
    found: dict[str, Any] = result.summary if result.code == 0 else {}
    return found.get("state")
