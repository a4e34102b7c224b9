"""The whole program as a user runs it: processes, files, exit codes, what is said and where."""

import csv
import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.facts import assert_sound, paid_twice
from tests.support.program import Program, Result
from tests.support.provider import Provider, read_calls, start_provider
from tests.support.wait import until

pytestmark = pytest.mark.e2e

NOTES = """
version: 1
name: notes
seed: 4
target: {records: 40}
model: {route: mock/one}
columns:
  - {name: customer, kind: sampler, sampler: {type: uuid}}
  - name: note
    kind: llm
    prompt: "A note about customer {{ customer }}."
    schema: {type: object, properties: {text: {type: string, minLength: 30}}, required: [text]}
"""
PRODUCTS = "sku,name,price\n" + "".join(f"A-{number},Product {number},{number}.50\n" for number in range(20))
READS = """
version: 1
name: shop
model: {route: offline/fake-1}
columns:
  - {name: name, kind: source}
  - {name: text, kind: llm, prompt: "About {{ name }}."}
"""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path / "home")


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def answered(provider: Provider) -> list[str]:
    """The records that the provider's answers served, by attempt."""
    return [attempt for call in read_calls(provider.log) for attempt in call["answer_ids"]]


def assert_adds_up(result: Result) -> None:
    summary = result.summary
    parts = [summary[kind] for kind in ("accepted", "exhausted", "parked", "pending")]
    assert summary["requested"] == sum(parts)


def test_from_a_data_file_to_a_dataset_with_the_starter_recipe(tmp_path: Path, program: Program) -> None:
    file = write(tmp_path, "products.csv", PRODUCTS)
    assert program.run("init", file).code == 0
    assert program.run("validate", "recipe.yaml", "--input", file).code == 0

    ran = program.run("run", "recipe.yaml", "--input", file, "--direct", "--json")
    assert ran.code == 0, ran.err
    assert_adds_up(ran)
    assert (ran.summary["requested"], ran.summary["accepted"]) == (20, 20)
    paths = {
        output["format"]: Path(output["path"]) for output in ran.summary["outputs"] if "lineage" not in output["path"]
    }
    assert paths["jsonl"].parent == tmp_path / "out" / f"products-{ran.summary['job_id'][:8]}"
    assert [json.loads(line)["sku"] for line in paths["jsonl"].read_text().splitlines()] == [
        f"A-{n}" for n in range(20)
    ]
    with paths["csv"].open(newline="") as table:
        assert len(list(csv.DictReader(table))) == 20

    shown = program.run("status", ran.summary["job_id"][:6])
    assert "20 = 20 accepted + 0 exhausted + 0 parked + 0 pending" in shown.out
    assert "job.completed" in program.run("logs", ran.summary["job_id"][:6]).out


def test_with_prefect_the_same_comes_out(tmp_path: Path, program: Program) -> None:
    file, recipe = write(tmp_path, "products.csv", PRODUCTS), write(tmp_path, "recipe.yaml", READS)
    ran = program.run("run", recipe, "--input", file, "--records", "30", "--json")
    assert ran.code == 0, ran.err
    assert ran.summary["accepted"] == 30
    assert "going on without it" not in ran.err
    assert ran.summary["outputs"]


def test_when_prefect_cannot_be_reached_the_job_is_done_without_it(tmp_path: Path) -> None:
    program = Program(tmp_path / "home", {"PREFECT_API_URL": "http://127.0.0.1:9/api"})
    ran = program.run("run", write(tmp_path, "r.yaml", NOTES), "--model", "offline/fake-1", "-n", "5", "--json")
    assert ran.code == 0, ran.err
    assert "going on without it" in ran.err
    assert len(ran.summary["outputs"]) == 4


def test_without_json_stdout_holds_the_summary_and_stderr_the_way_there(tmp_path: Path, program: Program) -> None:
    ran = program.run("run", write(tmp_path, "r.yaml", NOTES), "--model", "offline/fake-1", "-n", "5", "--direct")
    assert ran.code == 0, ran.err
    assert "5 = 5 accepted + 0 exhausted + 0 parked + 0 pending" in ran.out
    assert "notes.jsonl" in ran.out
    assert "generating" not in ran.out
    assert "generating" in ran.err


def test_preview_shows_real_records_and_an_estimate_and_leaves_nothing_behind(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    program = Program(tmp_path / "home", {"TMPDIR": str(temporary)})
    file, recipe = write(tmp_path, "products.csv", PRODUCTS), write(tmp_path, "recipe.yaml", READS)
    before = sorted(tmp_path.iterdir())
    shown = program.run("preview", recipe, "--input", file, "-k", "2")
    assert shown.code == 0, shown.err
    for part in (
        "record 1",
        "record 2",
        "from products.csv, row 1",
        "Product 1",
        "2 of 2 records",
        "all 20",
        "rough guess",
    ):
        assert part in shown.out
    as_json = program.run("preview", recipe, "--input", file, "--json")
    assert len(as_json.summary["records"]) == 3
    assert as_json.summary["estimate"]["records"] == 20
    assert sorted(tmp_path.iterdir()) == before
    assert list(temporary.iterdir()) == []


def test_running_a_finished_job_again_or_resuming_it_calls_nobody(tmp_path: Path, program: Program) -> None:
    recipe = write(tmp_path, "recipe.yaml", NOTES)
    with start_provider(tmp_path) as provider:
        command: list[str | Path] = [
            "run",
            recipe,
            "--base-url",
            provider.url,
            "--direct",
            "--json",
            "--job-id",
            "nightly-1",
        ]
        first = program.run(*command)
        calls = len(read_calls(provider.log))
        again, resumed = program.run(*command), program.run("resume", "night", "--direct", "--json")
        assert len(read_calls(provider.log)) == calls
    assert [first.code, again.code, resumed.code] == [0, 0, 0]
    assert first.summary == again.summary == resumed.summary


def test_a_second_job_is_told_of_the_first_ones_records(tmp_path: Path, program: Program) -> None:
    recipe = write(tmp_path, "recipe.yaml", NOTES)
    with start_provider(tmp_path) as provider:
        command: list[str | Path] = ["run", recipe, "--base-url", provider.url, "-n", "3", "--direct", "--json"]
        assert "earlier jobs" not in program.run(*command).err
        assert "dataset notes holds 3 records of earlier jobs" in program.run(*command).err
        assert "earlier jobs" not in program.run(*command, "--dataset", "other").err


def test_a_file_that_holds_no_rows_ends_the_job_with_the_reason(tmp_path: Path, program: Program) -> None:
    recipe, file = write(tmp_path, "r.yaml", READS), write(tmp_path, "photo.csv", b"\x89PNG\r\n\x1a\n" + bytes(600))
    ran = program.run("run", recipe, "--input", file, "--direct", "--json")
    assert ran.code not in (0, 70)
    assert "photo.csv" in ran.summary["reason"]
    assert "PNG" in ran.summary["reason"]
    assert ran.summary["llm_calls"] == 0


def test_bad_rows_are_told_with_their_lines_and_the_others_are_used(tmp_path: Path, program: Program) -> None:
    recipe, file = write(tmp_path, "r.yaml", READS), write(tmp_path, "p.csv", PRODUCTS + "A-20,Product 20\n")
    ran = program.run("run", recipe, "--input", file, "--direct")
    assert ran.code == 0, ran.err
    assert "1 row left out" in ran.out
    assert "p.csv line 22" in ran.out


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_an_unreachable_model_blocks_the_job_until_it_is_there(tmp_path: Path) -> None:
    program = Program(tmp_path / "home", {"SYNTHMILL_CONSUMER__UNREACHABLE_SECONDS": "2"})
    recipe, port = write(tmp_path, "recipe.yaml", NOTES), free_port()
    url = f"http://127.0.0.1:{port}"
    blocked = program.run("run", recipe, "--base-url", url, "--direct", "--json")
    job_id = blocked.summary["job_id"]
    assert blocked.code == 75, blocked.err
    assert (blocked.summary["state"], blocked.summary["accepted"]) == ("blocked", 0)
    assert str(port) in blocked.summary["reason"]
    assert f"synthmill resume {job_id}" in blocked.err
    with start_provider(tmp_path, port=port):
        resumed = program.run("resume", job_id[:8], "--direct", "--json")
    assert resumed.code == 0, resumed.err
    assert_sound(program.home, job_id, 40)


def test_a_refused_key_blocks_the_job_and_says_so(tmp_path: Path, program: Program) -> None:
    with start_provider(tmp_path, unauthorized_after=0) as provider:
        command: list[str | Path] = ["run", write(tmp_path, "r.yaml", NOTES), "--base-url", provider.url, "--direct"]
        blocked = program.run(*command)
    assert blocked.code == 75, blocked.err
    assert "401" in blocked.err
    assert "synthmill resume" in blocked.err


@pytest.mark.parametrize("mode", [["--direct"], []], ids=["direct", "prefect"])
def test_ctrl_c_drains_and_resume_pays_nothing_twice(tmp_path: Path, program: Program, mode: list[str]) -> None:
    recipe = write(tmp_path, "recipe.yaml", NOTES)
    with start_provider(tmp_path, latency_ms=400) as provider:
        with program.started("run", recipe, "--base-url", provider.url, "-n", "600", "--json", *mode) as process:
            until(lambda: len(answered(provider)) >= 30, "some answers")
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=120)
            assert program.pids() == []
        stopped = Result(process.returncode, out, err)
        assert stopped.code == 130, err
        job_id = stopped.summary["job_id"]
        assert f"stopped; nothing is lost, go on with: synthmill resume {job_id}" in err
        assert_adds_up(stopped)
        assert 0 < stopped.summary["accepted"] < 600
        resumed = program.run("resume", job_id, "--json", *mode)
        assert resumed.code == 0, resumed.err
        assert paid_twice(answered(provider)) == 0
    assert_sound(program.home, job_id, 600)


def test_a_second_ctrl_c_leaves_at_once_and_the_services_end_by_themselves(tmp_path: Path, program: Program) -> None:
    recipe = write(tmp_path, "recipe.yaml", NOTES)
    with (
        start_provider(tmp_path, latency_ms=5_000) as provider,
        program.started("run", recipe, "--base-url", provider.url, "--direct", "--json") as process,
    ):
        until(lambda: "generating" in _said(process), "generation")
        process.send_signal(signal.SIGINT)
        until(lambda: "stopping" in _said(process), "the first stop")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 130
        assert json.loads(out)["requested"] == 40
        until(lambda: program.pids() == [], "the services to end")


def _said(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    return process.stderr.readline()


def test_a_service_that_cannot_start_ends_the_job_with_its_words(tmp_path: Path) -> None:
    program = Program(tmp_path / "home", {"SYNTHMILL_CONSUMER__PROGRAM": str(tmp_path / "nowhere")})
    ended = program.run("run", write(tmp_path, "r.yaml", NOTES), "--direct", "--json", "--model", "offline/fake-1")
    assert ended.code not in (0, 70), ended.err
    assert "bridge" in ended.err
    assert "nowhere" in ended.err
    assert "Traceback" not in ended.err
    assert_adds_up(ended)
    assert ended.summary["job_id"] in ended.err


def test_on_a_terminal_the_panel_goes_and_the_summary_stays(tmp_path: Path, program: Program) -> None:
    recipe = write(tmp_path, "recipe.yaml", NOTES)
    shown = on_terminal(program, "run", recipe, "--model", "offline/fake-1", "-n", "8", "--direct")
    assert "8 of 8 accepted" in shown or "0 of 8 accepted" in shown
    assert "8 = 8 accepted + 0 exhausted + 0 parked + 0 pending" in shown
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h"), "the cursor is shown again"


def on_terminal(program: Program, *arguments: str | Path) -> str:
    """All that a terminal of 100 columns gets."""
    ours, theirs = os.openpty()
    environment = {**program.environment, "TERM": "xterm", "COLUMNS": "100"}
    with Program(program.home, environment).started(*arguments, terminal=theirs) as process:
        os.close(theirs)
        parts = []
        while part := _read(ours):
            parts.append(part)
        os.close(ours)
        assert process.wait(60) == 0
    return b"".join(parts).decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux says so when the other side has closed
        return b""
