"""Commands that need no service, and the way errors end, run as `main` runs them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from synthmill.cli import main
from synthmill.cli.registry import COMMANDS, REMOTE, program
from tests.support.repository import ROOT

GOOD = "version: 1\nname: tiny\ntarget: {records: 3}\ncolumns:\n  - {name: id, kind: sampler, sampler: {type: uuid}}\n"
READS = (
    "version: 1\nname: read\ncolumns:\n  - {name: price, kind: source}\n  - {name: town, kind: source, field: City}\n"
)
FAULTY = """
version: 1
name: Bad Name
target: {records: 0}
model: {route: offline/fake-1}
columns:
  - {name: a, kind: sampler, sampler: {type: category, values: [x, y], weights: [1]}}
  - {name: b, kind: expression, template: "{{ nope }}"}
  - {name: c, kind: llm, prompt: "hello {{ a "}
"""


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNTHMILL_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_registry_is_there_and_explains_itself(name: str) -> None:
    command = program.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None
    assert command.name == name
    assert command.help


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert [name for name in COMMANDS if f"  {name} " not in shown] == []


def test_help_imports_only_click_and_what_is_always_there() -> None:
    code = (
        "import sys; from synthmill.cli import main; main(['--help']);"
        "print([name for name in ('pydantic', 'rich', 'prefect', 'litellm', 'polars', 'pyarrow', 'great_expectations',"
        " 'asyncio', 'yaml', 'synthmill.settings') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_misspelt_command_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["statsu"]) == 2
    assert "did you mean 'status'?" in capsys.readouterr().err


def test_a_good_recipe_is_said_to_be_good(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "recipe.yaml").write_text(GOOD)
    assert main(["validate", "recipe.yaml"]) == 0
    assert "recipe.yaml: good. tiny, 1 column, 3 records." in capsys.readouterr().out


def test_all_faults_are_told_at_once_with_their_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "recipe.yaml").write_text(FAULTY)
    assert main(["validate", "recipe.yaml"]) == 2
    told = capsys.readouterr().err
    assert "5 faults" in told
    for place in (
        "name (line 3)",
        "target.records (line 4)",
        "weights (line 7)",
        "template (line 8)",
        "prompt (line 9)",
    ):
        assert place in told


def test_run_refuses_a_faulty_recipe_before_it_touches_anything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "recipe.yaml").write_text(FAULTY)
    assert main(["run", "recipe.yaml", "--json"]) == 2
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "home").exists()


def test_validate_names_missing_columns_and_what_the_file_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "recipe.yaml").write_text(READS)
    (tmp_path / "data.csv").write_text("Price,city\n1,Ulm\n")
    assert main(["validate", "recipe.yaml", "--input", "data.csv"]) == 2
    told = capsys.readouterr().err
    assert "price (did you mean 'Price'?); City (did you mean 'city'?). It has Price, city." in told


def test_validate_accepts_a_file_with_the_columns(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(READS)
    (tmp_path / "data.jsonl").write_text('{"price": 1, "City": "Ulm"}\n')
    assert main(["validate", "recipe.yaml", "--input", "data.jsonl"]) == 0


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ([], "name a file with --input"),
        (["nowhere.csv"], "is not a file"),
        (["empty.csv"], "is empty"),
        (["folder"], "is a directory"),
    ],
)
def test_run_refuses_inputs_that_cannot_serve(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], inputs: list[str], told: str
) -> None:
    (tmp_path / "recipe.yaml").write_text(READS)
    (tmp_path / "empty.csv").touch()
    (tmp_path / "folder").mkdir()
    assert main(["run", "recipe.yaml", *(f"--input={name}" for name in inputs)]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


def test_an_input_that_nothing_reads_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "recipe.yaml").write_text(GOOD)
    (tmp_path / "data.csv").write_text("a\n1\n")
    assert main(["run", "recipe.yaml", "--input", "data.csv"]) == 2
    assert "no source column" in capsys.readouterr().err


@pytest.mark.parametrize(
    "option",
    ["--base-url=ftp://x", "--dataset=Not A Name", "--job-id=../up", "--records=0", "--model", "--out=recipe.yaml/x"],
)
def test_options_that_make_no_sense_are_refused(tmp_path: Path, option: str) -> None:
    (tmp_path / "recipe.yaml").write_text(GOOD)
    assert main(["run", "recipe.yaml", option]) == 2
    assert not (tmp_path / "home").exists()


def test_schema_prints_the_recipes_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert "columns" in json.loads(capsys.readouterr().out)["properties"]


def test_settings_show_values_and_hide_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SYNTHMILL_WORKER__PREFETCH", "7")
    monkeypatch.setenv("SYNTHMILL_GATEWAY__URL", "http://me:hunter2@127.0.0.1:4000")
    assert main(["settings", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["SYNTHMILL_WORKER__PREFETCH"] == "7"
    assert "hunter2" not in str(shown)
    assert "127.0.0.1:4000" in shown["SYNTHMILL_GATEWAY__URL"]


def test_a_setting_that_cannot_be_is_told_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SYNTHMILL_WORKER__PREFETCH", "many")
    assert main(["settings"]) == 2
    assert "SYNTHMILL_WORKER__PREFETCH" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["status", "abcd"], ["logs", "abcd"], ["resume", "abcd"], ["cancel", "abcd"]])
def test_asking_for_a_job_where_there_never_was_one_creates_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert main(command) == 2
    assert "there are no jobs here" in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


def test_status_of_an_empty_folder_is_an_empty_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"jobs": [], "total": 0}


def test_an_error_that_should_not_happen_ends_in_a_file_and_not_on_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("no such luck")

    monkeypatch.setattr("synthmill_schemas.recipe.recipe_json_schema", broken)
    assert main(["schema"]) == 70
    told = capsys.readouterr().err
    assert "ZeroDivisionError: no such luck" in told
    assert "Traceback" not in told
    (log,) = (tmp_path / "home" / "logs").glob("error-*.log")
    assert str(log) in told
    assert "Traceback" in log.read_text()


def test_a_reader_that_leaves_early_causes_no_complaint() -> None:
    command = f"{sys.executable} -m synthmill schema | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "{\n"
    assert done.stderr == ""


@pytest.mark.parametrize("words", [["--server", "http://x", "init"], ["init", "--server=http://x"]], ids=str)
def test_a_command_that_no_server_can_carry_out_says_so(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "init works on this machine" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["status", "--server"], ["status", "--server", "here"]], ids=str)
def test_a_server_is_a_url(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "--server wants the URL of an API" in capsys.readouterr().err


@pytest.mark.parametrize("name", REMOTE)
def test_every_command_of_a_server_is_there_and_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help", "--server", "http://x"]) == 0
    assert f"Usage: synthmill {name}" in capsys.readouterr().out
