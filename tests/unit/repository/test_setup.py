"""What `make setup` says on a machine that lacks something: the scripts run with a path of our making."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.repository import ROOT

_NEEDED = ("sh", "dirname", "date", "awk", "sed", "sort", "head", "cut", "rm", "cat")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A checkout with the scripts alone, and `bin` with only what every system has."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "consumer").mkdir()
    shutil.copy(ROOT / "consumer" / "Cargo.toml", tmp_path / "consumer")
    (tmp_path / "bin").mkdir()
    for name in _NEEDED:
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    return tmp_path


def give(machine: Path, name: str, script: str) -> None:
    """Puts a program of this name on the machine's path."""
    program = machine / "bin" / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def run(machine: Path, script: str) -> tuple[int, str]:
    """Exit code and stderr of one of the scripts."""
    environment = {"PATH": str(machine / "bin"), "HOME": str(machine)}
    command = [machine / "scripts" / script]
    done = subprocess.run(
        command, cwd=machine, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stderr


def test_a_machine_without_python_is_told_which_ones_serve(machine: Path) -> None:
    code, said = run(machine, "setup-python")
    assert code == 1
    assert said.startswith("synthmill needs Python 3.11, 3.12 or 3.13; found: none.")


def test_a_python_that_is_too_old_is_named(machine: Path) -> None:
    give(machine, "python3", '[ "$1" = --version ] && echo Python 3.9.2 && exit 0; exit 1')
    code, said = run(machine, "setup-python")
    assert code == 1
    assert "found: Python 3.9.2." in said
    assert "make setup PYTHON=" in said


def test_a_machine_without_rust_is_told_which_version_it_needs(machine: Path) -> None:
    code, said = run(machine, "setup-rust")
    assert code == 1
    assert said.startswith("Rust is missing: install Rust 1.")


@pytest.mark.parametrize("version", ["1.9.0", "1.70.0"])
def test_a_rust_that_is_too_old_is_named(machine: Path, version: str) -> None:
    give(machine, "cargo", f"echo cargo {version}")
    code, said = run(machine, "setup-rust")
    assert code == 1
    assert said.startswith(f"Rust {version} is too old: the consumer needs 1.")


def test_a_shim_that_refuses_to_run_is_not_taken_for_uv(machine: Path) -> None:
    give(machine, "uv", "echo not for this version >&2; exit 127")
    code, said = run(machine, "find-uv")
    assert code == 1
    assert "run `make setup` first" in said
