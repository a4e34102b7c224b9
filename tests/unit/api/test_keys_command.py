"""`synthmill keys` as `main` runs it."""

import asyncio
import json
from pathlib import Path

import pytest

from synthmill.cli import main
from tests.support.api import started


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SYNTHMILL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


async def _status(home: Path, key: str) -> int:
    async with started(home) as api, api.anonymous(authorization=f"Bearer {key}") as caller:
        return (await caller.get("/v1/sources")).status_code


def test_a_key_is_printed_once_and_opens_what_it_says(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "create", "--scopes", "sources:read", "--tenant", "acme", "--name", "ci"]) == 0
    key = capsys.readouterr().out.strip()
    assert asyncio.run(_status(home, key)) == 200
    assert main(["keys", "list"]) == 0
    shown = capsys.readouterr().out
    assert key.partition(".")[0] in shown
    assert key not in shown
    assert "acme" in shown


def test_a_revoked_key_is_listed_as_such_and_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "create", "--scopes", "all", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert "hash" not in made
    assert main(["keys", "revoke", made["prefix"]]) == 0
    assert asyncio.run(_status(home, made["key"])) == 401
    capsys.readouterr()
    assert main(["keys", "list", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)["keys"]
    assert listed["revoked_at"]


def test_unknown_scopes_and_keys_are_faults_of_the_caller(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "create", "--scopes", "everything"]) == 2
    assert "everything is no scope" in capsys.readouterr().err
    assert main(["keys", "revoke", "smk_nobody"]) == 2


def test_a_tenant_that_cannot_be_one_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "create", "--scopes", "all", "--tenant", "No Tenant"]) == 2
    assert "--tenant" in capsys.readouterr().err


def test_the_first_key_is_an_admins_and_a_rotated_one_opens_for_a_while(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "create"]) == 0
    first = capsys.readouterr()
    assert "admin" in first.err
    assert main(["keys", "rotate", first.out.partition(".")[0], "--overlap-hours", "1"]) == 0
    second = capsys.readouterr().out.strip()
    assert [asyncio.run(_status(home, key)) for key in (first.out.strip(), second)] == [200, 200]
    assert main(["keys", "rotate", first.out.partition(".")[0], "--overlap-hours", "0"]) == 0
    assert asyncio.run(_status(home, first.out.strip())) == 401
    assert main(["keys", "rotate", first.out.partition(".")[0]]) == 2
