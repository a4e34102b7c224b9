"""`synthmill records` and `synthmill datasets export` on the embedded profile."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from synthmill.cli import main
from synthmill.embedded import open_embedded
from synthmill.jobs.release import release
from synthmill.settings import Settings
from tests.support.made import made_job, poems

JOB = "aaaa1111-0000"


@pytest.fixture(autouse=True)
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job of six records, released."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNTHMILL_HOME", str(tmp_path / "home"))

    async def make() -> None:
        async with open_embedded(Settings()) as services:
            await made_job(services, poems(6), job_id=JOB)
            await release(services, "default", JOB)

    asyncio.run(make())


def found(capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, Any]]:
    assert main(["records", "aaaa", *options]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def slots(records: list[dict[str, Any]]) -> list[int]:
    return [int(record["_record_id"].rpartition("-")[2]) for record in records]


def test_records_are_printed_filtered_sorted_and_cut(capsys: pytest.CaptureFixture[str]) -> None:
    assert slots(found(capsys)) == [0, 1, 2, 3, 4, 5]
    assert slots(found(capsys, "--filter", "colour=red", "--sort", "-poem", "--limit", "2")) == [5, 3]
    assert found(capsys, "--text", "poem 4", "--field", "colour") == [{"colour": "blue", "_record_id": f"{JOB}-4"}]
    assert main(["records", JOB, "--filter", "shape=round"]) == 2
    assert "they have colour, poem" in capsys.readouterr().err


def test_a_sample_repeats_with_its_seed(capsys: pytest.CaptureFixture[str]) -> None:
    first = found(capsys, "--sample", "3", "--seed", "4")
    assert len(set(slots(first))) == 3
    assert found(capsys, "--sample", "3", "--seed", "4") == first


def test_values_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["records", JOB, "--facet", "colour", "--filter", "@slot>=3"]) == 0
    counts = {"total": 3, "facets": {"colour": {"red": 2, "blue": 1}}}
    assert json.loads(capsys.readouterr().out) == counts


def test_one_record_tells_where_it_came_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["records", JOB, "2"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["slot"]["record_id"], told["spent"]["prompt_tokens"]) == (f"{JOB}-2", 1)
    assert main(["records", JOB, "99"]) == 2
    assert "nothing came of" in capsys.readouterr().err


def test_a_version_is_written_into_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", "export", "colours", "--format", "csv", "--compression", "gzip"]) == 0
    assert capsys.readouterr().out.startswith("6 records")
    assert (tmp_path / "colours.v1.csv.gz").is_file()
    assert main(["datasets", "export", "colours", "-o", "-", "--part", "test", "--test-share", "0.999"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6
