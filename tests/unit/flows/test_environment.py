"""A run as a process uses the server it is told, else one of its own, and never tells anybody."""

import os
from pathlib import Path

import pytest

from synthmill_flows import environment


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith("PREFECT_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(os, "environ", dict(os.environ))


def test_a_named_server_is_used(tmp_path: Path) -> None:
    os.environ["PREFECT_API_URL"] = "http://prefect.example/api"
    assert environment.prepare(tmp_path) is None
    assert os.environ["PREFECT_API_URL"] == "http://prefect.example/api"
    assert "PREFECT_HOME" not in os.environ
    assert os.environ["DO_NOT_TRACK"] == "1"


def test_else_a_port_is_ours_before_prefect_is_told_of_it(tmp_path: Path) -> None:
    os.environ["PREFECT_HOME"] = "of another Prefect"
    listener = environment.prepare(tmp_path)
    assert listener is not None
    with listener:
        port = listener.getsockname()[1]
        assert os.environ["PREFECT_API_URL"] == f"http://127.0.0.1:{port}/api"
    assert os.environ["PREFECT_HOME"] == str(tmp_path)
    assert os.environ["PREFECT_SERVER_DATABASE_CONNECTION_URL"].endswith(f"{tmp_path}/prefect.db")
    assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


def test_what_the_caller_set_stays(tmp_path: Path) -> None:
    os.environ["PREFECT_LOGGING_LEVEL"] = "DEBUG"
    listener = environment.prepare(tmp_path)
    assert listener is not None
    listener.close()
    assert os.environ["PREFECT_LOGGING_LEVEL"] == "DEBUG"


def test_a_proxy_of_the_caller_is_not_asked_for_our_own_server(tmp_path: Path) -> None:
    os.environ["NO_PROXY"] = "intranet.example"
    listener = environment.prepare(tmp_path)
    assert listener is not None
    listener.close()
    assert os.environ["NO_PROXY"].split(",") == ["intranet.example", "127.0.0.1"]
    assert "127.0.0.1" in os.environ["no_proxy"].split(",")
