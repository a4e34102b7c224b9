"""A full disk: a clear message, a non-zero exit, nothing lost; with space again, `resume` ends the job."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.test_kill_everything import RECIPE
from tests.support.facts import assert_sound, documents
from tests.support.program import Program
from tests.support.provider import start_provider

RECORDS = 1_500
TOO_SMALL, ENOUGH = "3m", "200m"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, too small for the job."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={TOO_SMALL}", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.e2e
def test_a_full_disk_stops_the_job_and_resume_ends_it(tmp_path: Path, small_disk: Path) -> None:
    program = Program(small_disk / "home")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE)
    out = tmp_path / "out"
    with start_provider(tmp_path) as provider:
        records = ["--records", str(RECORDS), "--out", out]
        full = program.run("run", recipe, "--base-url", provider.url, "--direct", *records)
        assert full.code not in (0, 70), full.err
        assert "space" in full.err
        assert "Traceback" not in full.err
        job_id = documents(program.home, "jobs")[0]["job_id"]
        assert f"synthmill resume {job_id}" in full.err
        subprocess.run(["mount", "-o", f"remount,size={ENOUGH}", str(small_disk)], check=True)
        resumed = program.run("resume", job_id, "--direct", "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.summary["accepted"] == RECORDS
    assert_sound(program.home, job_id, RECORDS)
