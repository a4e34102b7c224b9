"""`synthmill tenants` as `main` runs it."""

import json
from pathlib import Path

import pytest

from synthmill.cli import main


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SYNTHMILL_API__QUOTAS__RUNNING_JOBS", "2")


def limits(capsys: pytest.CaptureFixture[str]) -> dict[str, float | None]:
    capsys.readouterr()
    assert main(["tenants", "show", "acme"]) == 0
    shown: dict[str, float | None] = json.loads(capsys.readouterr().out)["limits"]
    return {name: value for name, value in shown.items() if value is not None}


def test_limits_are_set_lifted_and_given_back_to_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert limits(capsys)["running_jobs"] == 2
    assert main(["tenants", "limit", "acme", "running_jobs=7", "usd_a_month=12.5"]) == 0
    assert (limits(capsys)["running_jobs"], limits(capsys)["usd_a_month"]) == (7, 12.5)
    assert main(["tenants", "limit", "acme", "running_jobs=none"]) == 0
    assert "running_jobs" not in limits(capsys)
    assert main(["tenants", "limit", "acme", "running_jobs=default"]) == 0
    assert limits(capsys)["running_jobs"] == 2


@pytest.mark.parametrize("told", ["running_jobs", "horses=1", "running_jobs=many", "running_jobs=-1"])
def test_what_is_no_limit_is_refused(told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tenants", "limit", "acme", told]) == 2
    assert capsys.readouterr().err
