"""The systemd units: valid, hardened, and about programs and variables that exist."""

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from synthmill.cli.registry import COMMANDS
from tests.support.deployments import DEPLOYMENTS, STOP_SECONDS, assignments, stack_settings, unknown_variables
from tests.support.repository import ROOT, text

FOLDER = DEPLOYMENTS / "systemd"
UNITS = (
    "synthmill-api.service",
    "synthmill-gateway.service",
    "synthmill-worker@.service",
    "synthmill-consumer@.service",
    "synthmill-flows.service",
)
EXPOSURE = 1.5  # of 10, by systemd's own measure; what most services have is above 9
each = pytest.mark.parametrize("name", UNITS)
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


@cache
def unit(name: str) -> dict[str, list[str]]:
    """By directive, every value in its order."""
    found: dict[str, list[str]] = {}
    for line in text(FOLDER / name).splitlines():
        if re.match(r"\w+=", line):
            directive, _, value = line.partition("=")
            found.setdefault(directive, []).append(value)
    return found


def program(name: str) -> list[str]:
    (command,) = unit(name)["ExecStart"]
    return command.split()


def analyzed(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """systemd-analyze on the units, with a program that is there on every machine."""
    for path in (ROOT / FOLDER).glob("synthmill*"):
        (folder / path.name).write_text(re.sub(r"/opt/synthmill/bin/[a-z-]+", "/bin/true", path.read_text()))
    return subprocess.run(
        ["systemd-analyze", *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_target_wants_every_unit() -> None:
    (wanted,) = unit("synthmill.target")["Wants"]
    assert sorted(re.sub(r"@\d", "@", name) for name in wanted.split()) == sorted(UNITS)
    assert {path.name for path in (ROOT / FOLDER).glob("*.service")} == set(UNITS)


@each
def test_it_starts_a_program_of_ours(name: str) -> None:
    path, *arguments = program(name)
    if "consumer" in name:
        assert (Path(path).name, arguments) == ("synthmill-consumer", [])
    else:
        assert Path(path).name == "synthmill"
        assert arguments[0] in COMMANDS


@each
def test_it_is_started_again_for_ever_and_has_time_to_stop(name: str) -> None:
    assert unit(name)["Restart"] == ["on-failure"]
    assert unit(name)["StartLimitIntervalSec"] == ["0"]
    assert [int(seconds) for seconds in unit(name)["TimeoutStopSec"]] == [STOP_SECONDS]
    assert "MemoryMax" in unit(name)


@each
def test_the_files_that_it_reads_have_a_template_without_secrets(name: str) -> None:
    files = [Path(path) for path in unit(name)["EnvironmentFile"] if not path.startswith("-")]
    assert files
    for path in files:
        given = assignments(FOLDER / "etc" / path.name)
        assert given
        assert unknown_variables(iter(given)) == []
        secret = {value for variable, value in given.items() if re.search("SECRET|TOKEN|KEY|AUTH|RABBITMQ", variable)}
        assert secret <= {""}


@each
def test_it_sets_variables_that_are_read(name: str) -> None:
    assert unknown_variables(iter(setting.partition("=")[0] for setting in unit(name).get("Environment", []))) == []


def test_keys_go_to_those_who_need_them() -> None:
    files = {name: [Path(path).name for path in unit(name)["EnvironmentFile"]] for name in UNITS}
    assert files == {
        "synthmill-api.service": ["data.env", "api.env"],
        "synthmill-gateway.service": ["gateway.env", "providers.env"],
        "synthmill-worker@.service": ["data.env"],
        "synthmill-consumer@.service": ["data.env", "gateway.env"],
        "synthmill-flows.service": ["data.env", "flows.env"],
    }


def test_ports_are_those_of_the_native_stack() -> None:
    ports = {name: program(name)[program(name).index("--port") + 1] for name in UNITS if "--port" in program(name)}
    assert ports == {
        "synthmill-api.service": stack_settings()["SYNTHMILL_STACK_API_PORT"],
        "synthmill-gateway.service": stack_settings()["SYNTHMILL_STACK_GATEWAY_PORT"],
    }


@needs_systemd
def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    done = analyzed(tmp_path, "verify", "--man=no", "./synthmill.target", *(f"./{name}" for name in UNITS))
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
@each
def test_it_may_do_little_on_the_machine(tmp_path: Path, name: str) -> None:
    done = analyzed(tmp_path, "security", "--offline=true", "--no-pager", f"./{name}")
    (exposure,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert float(exposure) <= EXPOSURE
