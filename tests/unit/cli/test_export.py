"""`synthmill export` on the embedded profile: straight into a file."""

import asyncio
import gzip
import json
from pathlib import Path

import pytest

from synthmill.cli import main
from synthmill.embedded import open_embedded
from synthmill.settings import Settings
from tests.support.made import made_job, poems

JOB = "aaaa1111-0000"


@pytest.fixture(autouse=True)
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job of three records."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNTHMILL_HOME", str(tmp_path / "home"))

    async def make() -> None:
        async with open_embedded(Settings()) as services:
            await made_job(services, poems(3), job_id=JOB)

    asyncio.run(make())


def test_a_file_gets_its_own_name_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "aaaa", "--format", "csv"]) == 0
    assert capsys.readouterr().out == "3 records, 119 B in colours.csv\n"
    assert (tmp_path / "colours.csv").read_text().splitlines()[1] == f"blue,poem 0 ü,{JOB}-0"


def test_a_packed_file_goes_where_it_is_told_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", JOB, "--gzip", "-o", "some.gz", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["path"], told["records"]) == ("some.gz", 3)
    assert told["size"] == (tmp_path / "some.gz").stat().st_size
    assert len(gzip.decompress((tmp_path / "some.gz").read_bytes()).splitlines()) == 3


def test_stdout_gets_the_records_alone(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["export", JOB, "--output", "-"]) == 0
    captured = capfdbinary.readouterr()
    assert [json.loads(line)["_record_id"] for line in captured.out.splitlines()] == [f"{JOB}-{n}" for n in range(3)]
    assert b"3 records" in captured.err


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(tmp_path.iterdir())
    assert main(["export", JOB, "-o", "nowhere/file.jsonl"]) == 2
    assert "nowhere/file.jsonl cannot be written" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_a_training_part_in_a_chat_format_is_named_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chat = ["--chat", "instruction:colour", "--chat", "output:poem"]
    assert main(["export", JOB, "--format", "messages", *chat, "--part", "train", "--test-share", "0.001"]) == 0
    assert "3 records" in capsys.readouterr().out
    (first, *_) = (tmp_path / "colours.train.messages.jsonl").read_text().splitlines()
    assert json.loads(first)["messages"][0] == {"role": "user", "content": "blue"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--format", "alpaca"], "nothing plays the part of instruction and output"),
        (["--format", "alpaca", "--chat", "poem"], "is not PART:FIELD"),
        (["--filter", "shape=round"], "records have no field 'shape'; they have colour, poem"),
        (["--gzip", "--compression", "zstd"], "say different things"),
    ],
)
def test_a_form_that_does_not_fit_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    before = sorted(tmp_path.iterdir())
    assert main(["export", JOB, *options]) == 2
    assert said in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before
