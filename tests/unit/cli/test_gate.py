"""`synthmill gate`: the stored report as a table, as JSON and as a page."""

import asyncio
import json
from pathlib import Path
from typing import Literal

import pytest

from synthmill.cli import main
from synthmill.embedded import open_embedded
from synthmill.settings import Settings
from tests.support.gate_reports import PAGE, stored_report
from tests.support.made import made_job, poems

JOB = "aaaa1111-0000"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of the test's own, with one job."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNTHMILL_HOME", str(tmp_path / "home"))

    async def make() -> None:
        async with open_embedded(Settings()) as services:
            await made_job(services, poems(1), job_id=JOB)

    asyncio.run(make())


def judged(case: Literal["passed", "blocked"], *, with_page: bool = True) -> None:
    """The gate's report of the job."""

    async def store() -> None:
        async with open_embedded(Settings()) as services:
            await stored_report(services.store, JOB, case, with_page=with_page)

    asyncio.run(store())


def test_a_job_that_passed_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    judged("passed")
    assert main(["gate", "aaaa"]) == 0
    assert capsys.readouterr().out == "tickets: passed; 1 of 1 expectations passed over 200 records\n"


def test_a_blocked_one_names_what_failed_and_where_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    judged("blocked")
    assert main(["gate", JOB]) == 1
    first, _, row = capsys.readouterr().out.splitlines()
    assert first.startswith("tickets: blocked; 1 of 2 expectations passed")
    assert row.split()[:3] == ["price.range", "blocks", "2"]
    assert "job-1-7 0.5; job-1-9 101" in row


def test_all_shows_what_passed_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    judged("blocked")
    assert main(["gate", JOB, "--all"]) == 1
    assert "there are 200 records" in capsys.readouterr().out


def test_json_is_the_whole_report(capsys: pytest.CaptureFixture[str]) -> None:
    judged("blocked")
    assert main(["gate", JOB, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["job_id"], len(told["findings"])) == ("blocked", JOB, 2)


def test_the_page_goes_into_a_file(tmp_path: Path) -> None:
    judged("passed")
    assert main(["gate", JOB, "--html", "quality.html"]) == 0
    assert (tmp_path / "quality.html").read_bytes() == PAGE


def test_a_page_that_was_not_kept_is_no_empty_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judged("passed", with_page=False)
    assert main(["gate", JOB, "--html", "quality.html"]) == 1
    assert "too big" in capsys.readouterr().err
    assert not (tmp_path / "quality.html").exists()


def test_a_job_that_was_not_judged_says_when_it_would_be(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", JOB]) == 2
    assert "the gate has not run for job" in capsys.readouterr().err
