"""`--server URL`: the command line against an API process; the test plays worker and consumer behind it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from synthmill.cli import main
from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.jobs.documents import change_job, jobs_of
from synthmill.jobs.quote import quote_order
from synthmill.jobs.submit import submit
from synthmill.settings import Settings
from synthmill_schemas.job import JobState
from tests.support.api_process import start_api
from tests.support.jobs import TENANT, accepted, recipe, store_slots
from tests.support.uploads import worked
from tests.support.wait import until_async

pytestmark = pytest.mark.integration

RECIPE = """
version: 1
name: colours
seed: 3
target: {records: 4}
model: {route: mock/one}
columns:
  - {name: title, kind: source}
  - {name: colour, kind: sampler, sampler: {type: category, values: [red, blue]}}
  - {name: poem, kind: llm, prompt: "A poem about {{ colour }} {{ title }}."}
"""

Run = Callable[..., Coroutine[Any, Any, int]]


@pytest.fixture
async def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EmbeddedServices]:
    """What lies behind the API; where the commands run there is nothing of it."""
    home, here = tmp_path / "home", tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("SYNTHMILL_HOME", str(here / "none"))
    async with open_embedded(Settings(home=home)) as opened:
        yield opened


@pytest.fixture
async def run(services: EmbeddedServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Run]:
    """A command, which may wait for what the test does meanwhile; answers its exit code."""
    home = services.settings.home
    monkeypatch.setenv("SYNTHMILL_API_KEY", _made_key(home))
    with start_api(home) as api:

        async def call(*words: str) -> int:
            return await asyncio.to_thread(main, [*words, "--server", api.url])

        yield call
    assert not (tmp_path / "here" / "none").exists()


def _made_key(home: Path) -> str:
    command = [sys.executable, "-m", "synthmill", "keys", "create", "--scopes", "all"]
    environment = {**os.environ, "SYNTHMILL_HOME": str(home)}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()


async def _played(services: EmbeddedServices, task: "asyncio.Task[int]") -> int:
    """Worker and consumer, until the command has ended."""
    place = jobs_of(TENANT)

    async def planned() -> str | None:
        await worked(services)
        await services.store.visible(place)
        return next(iter([stored.id async for stored in services.store.scan(place, {"state": "planned"})]), None)

    job_id = await until_async(planned, "the job to be planned")
    await store_slots(services, *(accepted(job_id, slot) for slot in range(4)))
    await change_job(services.store, TENANT, job_id, lambda _: {"state": JobState.COMPLETED})
    while not task.done():
        await worked(services)
        await asyncio.wait({task}, timeout=0.1)
    return task.result()


async def test_a_dataset_is_made_there_and_comes_here(
    services: EmbeddedServices, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("recipe.yaml").write_text(RECIPE)
    Path("products.csv").write_text("title\nlamp\nchair\n")
    making = asyncio.create_task(run("run", "recipe.yaml", "--input", "products.csv", "--out", "made", "--json"))
    assert await _played(services, making) == 0
    told = json.loads(capsys.readouterr().out)
    job_id = told["job_id"]
    assert (told["state"], told["accepted"]) == ("completed", 4)
    assert len(Path("made/colours.jsonl").read_text().splitlines()) == 4

    assert await run("status", job_id, "--json") == 0
    assert json.loads(capsys.readouterr().out)["accepted"] == 4
    assert await run("status") == 0
    assert job_id in capsys.readouterr().out
    await submit(services, quote_order(TENANT, "quote-1", recipe(), [], 2, None))
    for options, shown in (((), [job_id]), (("--quotes",), ["quote-1", job_id])):
        assert await run("status", "--json", *options) == 0
        assert [job["id"] for job in json.loads(capsys.readouterr().out)["jobs"]] == shown
    assert await run("records", job_id, "--filter", "colour=red", "--limit", "2") == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["_record_id"] for record in records] == [f"{job_id}-0", f"{job_id}-1"]
    assert await run("logs", job_id) == 0
    assert "job.planned" in capsys.readouterr().out

    exporting = asyncio.create_task(run("export", job_id, "--format", "csv", "--gzip", "-o", "colours.csv.gz"))
    while not exporting.done():
        await worked(services)
        await asyncio.wait({exporting}, timeout=0.1)
    assert exporting.result() == 0
    assert Path("colours.csv.gz").stat().st_size > 0

    assert await run("pause", job_id) != 0
    assert "job_state" in capsys.readouterr().err


async def test_what_is_wrong_is_said_in_a_paragraph(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await run("status", "nobody") == 2
    assert "there is no job nobody" in capsys.readouterr().err
    monkeypatch.setenv("SYNTHMILL_API_KEY", "smk_wrong")
    assert await run("cancel", "nobody") == 2
    told = capsys.readouterr().err
    assert "unauthenticated" in told
    assert "Traceback" not in told
