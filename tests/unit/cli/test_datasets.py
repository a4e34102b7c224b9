"""`synthmill datasets`: versions and their records, on a real embedded store."""

import asyncio
import json
from pathlib import Path

import pytest

from synthmill.cli import main
from synthmill.embedded import open_embedded
from synthmill.jobs.release import release
from synthmill.settings import Settings
from tests.support.jobs import TENANT
from tests.support.made import made_job, poems


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a dataset has two versions, of two records and of three."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNTHMILL_HOME", str(tmp_path / "home"))

    async def made() -> None:
        async with open_embedded(Settings(home=tmp_path / "home")) as services:
            for job_id, records in (("first", 2), ("second", 1)):
                await made_job(services, poems(records), job_id=job_id)
                await release(services, TENANT, job_id)

    asyncio.run(made())
    return tmp_path / "home"


@pytest.mark.usefixtures("home")
def test_versions_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", "list", "--json"]) == 0
    (latest,) = json.loads(capsys.readouterr().out)["datasets"]
    assert (latest["dataset"], latest["number"], latest["records"], latest["job_id"]) == ("colours", 2, 3, "second")
    assert main(["datasets", "show", "colours", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["versions"]
    assert [(v["number"], v["records"], v["added"], v["ended"]) for v in shown] == [(1, 2, 2, 0), (2, 3, 1, 0)]
    assert main(["datasets", "show", "colours"]) == 0
    assert "second" in capsys.readouterr().out


@pytest.mark.usefixtures("home")
def test_records_of_a_version_are_printed_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", "records", "colours", "--version", "1"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["_record_id"], line["poem"]) for line in lines] == [("first-0", "poem 0 ü"), ("first-1", "poem 1 ü")]
    assert main(["datasets", "records", "colours", "--limit", "2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main(["datasets", "records", "colours", "--text", "poem 1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.usefixtures("home")
def test_what_is_not_released_is_said_and_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", "show", "others"]) == 2
    assert "no version of dataset 'others' is released" in capsys.readouterr().err
    assert main(["datasets", "records", "colours", "--version", "9"]) == 2
    assert "versions 1 to 2, not 9" in capsys.readouterr().err
