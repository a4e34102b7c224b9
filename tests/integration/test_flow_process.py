"""One flow run as a process: its exit code, its end in every manner, and what it leaves behind."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.jobs.documents import get_job
from synthmill.jobs.order import JobOrder
from synthmill.jobs.submit import submit
from synthmill.settings import Settings
from synthmill_schemas.job import JobDocument, JobState
from tests.support.flow_process import flow_run
from tests.support.jobs import TENANT, recipe
from tests.support.player import Player, playing
from tests.support.program import Program
from tests.support.wait import until

pytestmark = pytest.mark.integration


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
async def services(home: Path) -> AsyncIterator[EmbeddedServices]:
    async with open_embedded(Settings(home=home)) as opened:
        yield opened


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """In place of the user's cache folder: Prefect's migrations run once for all tests."""
    folder = tmp_path_factory.mktemp("cache")
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder)}
    subprocess.run([sys.executable, "-m", "synthmill_flows.prepare"], env=environment, timeout=120, check=True)
    assert [file.suffix for file in (folder / "synthmill").iterdir()] == [".db"]
    return str(folder)


async def submitted(services: EmbeddedServices, *job_ids: str) -> None:
    for job_id in job_ids:
        await submit(services, JobOrder(TENANT, job_id, recipe()))


async def when(services: EmbeddedServices, job_id: str, condition: Callable[[JobDocument], bool]) -> JobDocument:
    while not condition(job := (await get_job(services.store, TENANT, job_id)).document):  # noqa: ASYNC110
        await asyncio.sleep(0.05)  # another process changes it
    return job


def claimed(job: JobDocument) -> bool:
    return job.flow is not None


def run_states(home: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(home / "prefect/prefect.db")) as connection:
        return connection.execute("SELECT name, state_name FROM flow_run ORDER BY name").fetchall()


async def test_a_killed_run_leaves_no_process_and_its_job_to_the_next(
    services: EmbeddedServices, home: Path, tmp_path: Path, cache: str
) -> None:
    await submitted(services, "job-1")
    environment = {"XDG_CACHE_HOME": cache, "SYNTHMILL_JOB__FLOW_LEASE_SECONDS": "86400"}  # nobody waits for its end
    with flow_run(home, "job-1", tmp_path / "out", **environment) as run:
        first = await when(services, "job-1", claimed)
        run.process.kill()
        assert await asyncio.to_thread(run.wait) == -9
        until(lambda: not Program(home).pids(), "the last process to be gone", seconds=10)
    async with playing(Player(services)):
        with flow_run(home, "job-1", tmp_path / "out", **environment) as run:
            assert await asyncio.to_thread(run.wait) == 0
    last = (await get_job(services.store, TENANT, "job-1")).document
    assert last.flow_run_id != first.flow_run_id
    assert len((tmp_path / "out/colours.jsonl").read_text().splitlines()) == 4
    assert Program(home).pids() == []


async def test_two_runs_share_a_home_and_one_ends_when_its_parent_is_gone(
    services: EmbeddedServices, home: Path, tmp_path: Path, cache: str
) -> None:
    await submitted(services, "job-1", "job-2")
    with (
        flow_run(home, "job-1", tmp_path / "out", XDG_CACHE_HOME=cache) as orphan,
        flow_run(home, "job-2", tmp_path / "out-2", XDG_CACHE_HOME=cache) as other,
    ):
        await when(services, "job-1", claimed)
        await when(services, "job-2", claimed)
        orphan.close_stdin()
        assert await asyncio.to_thread(orphan.wait) == 1
        assert (await get_job(services.store, TENANT, "job-1")).document.flow is None
        async with playing(Player(services)):
            assert await asyncio.to_thread(other.wait) == 0
    assert run_states(home) == [("generate job-1", "Crashed"), ("generate job-2", "Completed")]
    assert Program(home).pids() == []


async def test_a_blocked_job_exits_with_1_and_says_why(
    services: EmbeddedServices, home: Path, tmp_path: Path, prefect_server: str
) -> None:
    await submitted(services, "job-1")
    ended = {"state": JobState.BLOCKED, "reason": "the provider refuses the key"}
    async with playing(Player(services, lambda _: [], ended)):
        with flow_run(home, "job-1", tmp_path / "out", PREFECT_API_URL=prefect_server) as run:
            assert await asyncio.to_thread(run.wait) == 1
            assert run.last_words().startswith("job job-1: blocked: the provider refuses the key (0 of 4 records")
    assert not (home / "prefect").exists()  # a named server was used, none was started


def test_a_server_that_cannot_be_reached_exits_as_something_to_try_again(home: Path, tmp_path: Path) -> None:
    with flow_run(home, "job-1", tmp_path / "out", PREFECT_API_URL="http://127.0.0.1:9/api") as run:
        assert run.wait() == 75
        assert "check PREFECT_API_URL" in run.last_words()
