"""How the native scripts start and stop processes, and make secrets; the servers themselves are tested elsewhere."""

import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.deployments import secret_names, stack_settings
from tests.support.native import SCRIPTS, variables
from tests.support.repository import ROOT, files
from tests.support.wait import until

SECRETS = ROOT / "deployments" / "secrets"
SHELL_FILES = [path for path in files() if path.parts[:2] == ("deployments", "native")]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the ports of a stack that the tests themselves run on."""
    for name in [
        name for name in os.environ if name.startswith("SYNTHMILL_STACK_") or name in {"WORKERS", "CONSUMERS"}
    ]:
        monkeypatch.delenv(name)


def lib(home: Path, commands: str) -> "subprocess.CompletedProcess[str]":
    """Runs commands with the scripts' shared functions at hand."""
    program = f"source {SCRIPTS / 'lib.sh'}\n{commands}"
    environment = {**os.environ, "SYNTHMILL_STACK_HOME": str(home)}
    return subprocess.run(["bash", "-c", program], env=environment, capture_output=True, text=True, check=False)


def stack(home: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Runs `stack` in a folder of its own."""
    told = {**os.environ, "SYNTHMILL_STACK_HOME": str(home), **environment}
    command = [SCRIPTS / "stack", *arguments]
    return subprocess.run(command, env=told, capture_output=True, text=True, check=False)


def launch(home: Path, name: str, program: str) -> int:
    """Starts a shell program as the scripts start a server; its pid."""
    done = lib(home, f"launch {name} bash -c '{program}'")
    assert done.returncode == 0, done.stderr
    return int((home / "pids" / name).read_text().split()[0])


def is_running(pid: int) -> bool:
    """Whether the process is there and not merely waiting to be fetched."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A stack's folder; whatever was launched from it is gone afterwards."""
    yield tmp_path
    for file in (tmp_path / "pids").glob("*"):
        pid = int(file.read_text().split()[0])
        if is_running(pid) and os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)


@pytest.mark.parametrize("path", SHELL_FILES, ids=str)
def test_every_script_is_valid_and_only_programs_are_executable(path: Path) -> None:
    assert subprocess.run(["bash", "-n", ROOT / path], check=False).returncode == 0
    assert os.access(ROOT / path, os.X_OK) == (path.suffix != ".sh")


def test_what_was_launched_is_found_and_ended(home: Path) -> None:
    pid = launch(home, "sleeper", "exec sleep 300")
    assert lib(home, "running_pid sleeper").stdout == str(pid)
    assert lib(home, "finish sleeper 10").returncode == 0
    assert not is_running(pid)
    assert not (home / "pids" / "sleeper").exists()
    assert lib(home, "finish sleeper 10").returncode == 0  # there is nothing to stop


def test_a_process_that_took_over_the_number_of_ours_is_left_alone(home: Path) -> None:
    pid = launch(home, "sleeper", "exec sleep 300")
    file = home / "pids" / "sleeper"
    file.write_text(f"{pid} 1\n")  # as if ours had started at another moment
    assert lib(home, "running_pid sleeper").returncode != 0
    assert lib(home, "finish sleeper 10").returncode == 0
    assert is_running(pid)
    os.killpg(pid, signal.SIGKILL)


def test_one_that_does_not_stop_is_killed_with_all_that_it_started(home: Path) -> None:
    child = home / "child"
    pid = launch(
        home, "stubborn", f'trap "" TERM; sleep 300 & echo $! > {child}.new; mv {child}.new {child}; wait; wait'
    )
    until(child.exists, "the child")
    done = lib(home, "finish stubborn 1")
    assert "did not stop in 1 s and is killed" in done.stderr
    until(lambda: not is_running(pid) and not is_running(int(child.read_text())), "their end")


def test_signals_that_shells_take_from_background_jobs_reach_what_is_launched(home: Path) -> None:
    pid = launch(home, "sleeper", "exec sleep 300")
    until(lambda: Path(f"/proc/{pid}/comm").read_text() == "sleep\n", "the program")
    (ignored,) = [
        line.split()[1] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigIgn")
    ]
    assert int(ignored, 16) & (1 << signal.SIGINT - 1) == 0


def test_waiting_ends_when_the_process_does(home: Path) -> None:
    done = lib(home, "launch brief true; await brief 300 false")
    assert done.returncode == 1
    assert "brief ended while starting; see" in done.stderr


def test_secrets_are_made_once_for_their_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    for _ in range(2):
        subprocess.run([SECRETS, file], check=True)
    first = file.read_text()
    made = dict(line.split("=", 1) for line in first.splitlines())
    assert set(made) == secret_names()
    assert len(set(made.values())) == len(made)
    assert all(len(value) >= 48 for value in made.values())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    subprocess.run([SECRETS, file], check=True)
    assert file.read_text() == first


def test_secrets_that_are_there_stay_and_missing_ones_are_added(tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    file.write_text("SYNTHMILL_GATEWAY__TOKEN=mine\n")
    subprocess.run([SECRETS, file], check=True)
    made = dict(line.split("=", 1) for line in file.read_text().splitlines())
    assert made["SYNTHMILL_GATEWAY__TOKEN"] == "mine"
    assert set(made) == secret_names()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_two_stacks_have_other_passwords_and_each_says_the_same_twice(tmp_path: Path) -> None:
    one, again, two = (variables(SYNTHMILL_STACK_HOME=str(tmp_path / name)) for name in ("a", "a", "b"))
    assert one == again
    differing = {name for name in one if one[name] != two[name]}
    assert differing == {
        "SYNTHMILL_RABBITMQ__URL",
        "SYNTHMILL_MINIO__SECRET_KEY",
        "SYNTHMILL_GATEWAY__TOKEN",
        "SYNTHMILL_API__WEBHOOK_TOKEN",
        "SYNTHMILL_PREFECT__AUTH",
        "SYNTHMILL_API__SECRET",
        "PREFECT_API_AUTH_STRING",
    }


def test_a_port_of_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    told = variables(SYNTHMILL_STACK_HOME=str(tmp_path), SYNTHMILL_STACK_API_PORT="4711")
    assert told["SYNTHMILL_API_URL"] == "http://127.0.0.1:4711"
    assert told["SYNTHMILL_ELASTICSEARCH__URL"].endswith(stack_settings()["SYNTHMILL_STACK_ELASTIC_PORT"])


@pytest.mark.parametrize("verb", ["up", "down", "status"])
def test_a_name_that_is_nobodys_is_refused(tmp_path: Path, verb: str) -> None:
    done = stack(tmp_path, verb, "kafka")
    assert (done.returncode, done.stderr) == (1, "stack: there is no kafka\n")


def test_status_of_what_does_not_run_is_a_failure_with_its_address(tmp_path: Path) -> None:
    done = stack(tmp_path, "status", "services", WORKERS="2", CONSUMERS="1")
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert done.returncode == 1
    assert list(lines) == ["gateway", "api", "flows", "worker-1", "worker-2", "consumer-1"]
    second = int(stack_settings()["SYNTHMILL_STACK_WORKER_PORT"]) + 1
    assert lines["worker-2"].endswith(f"not running  http://127.0.0.1:{second}")


ON_EVERY_MACHINE = ("bash", "dirname", "id", "mkdir", "grep", "sed", "sort", "head", "cat", "env")


@pytest.mark.parametrize(
    ("server", "look", "says"),
    [
        ("minio", "check_go", "install Go 1.24 or newer (found: none;"),
        ("elasticsearch", "java_home() { return 1; }; install_java", "needs Java 21 or newer, and apt has none"),
    ],
)
def test_a_machine_that_lacks_something_is_told_what_to_install(
    tmp_path: Path, server: str, look: str, says: str
) -> None:
    (tmp_path / "bin").mkdir()
    for name in ON_EVERY_MACHINE:
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    functions = (SCRIPTS / server).read_text().partition("case $1 in")[0].replace('$(dirname "$0")', str(SCRIPTS))
    environment = {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path), "SYNTHMILL_STACK_HOME": str(tmp_path)}
    command = [str(tmp_path / "bin" / "bash"), "-c", f"{functions}\n{look}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert says in done.stderr
