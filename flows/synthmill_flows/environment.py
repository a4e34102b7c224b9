"""Prefect's settings for one run as a process, set before Prefect is imported: it reads them at that moment.

What the caller's environment says already stays, but for the addresses of the temporary server.
"""

import os
import socket
from collections.abc import Mapping
from pathlib import Path

from synthmill_flows.database import connection_url

_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    # SQLite refuses at once when two processes write; the client tries again with a growing pause.
    "PREFECT_CLIENT_MAX_RETRIES": "10",
}

_LEAN_SERVER = {
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "false",
    "PREFECT_SERVER_EVENTS_STREAM_OUT_ENABLED": "false",
    "PREFECT_SERVER_LOGS_STREAM_OUT_ENABLED": "false",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_SERVER_DATABASE_TIMEOUT": "60",
    "PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT": "60",
}


LASTING = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "5",
    "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
    "PREFECT_LOGGING_COLORS": "false",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    "PREFECT_WORKER_QUERY_SECONDS": "2",
    "PREFECT_CLIENT_MAX_RETRIES": "10",
}
"""A lasting server and its workers, as deployments/settings/prefect.env explains them."""


def prepare_lasting() -> None:
    """Sets the environment of a service beside a lasting server."""
    _set_defaults(LASTING)


def prepare_lasting_server(home: Path, port: int) -> None:
    """Sets the environment of a lasting server on SQLite."""
    os.environ.update(_addresses(home, port))
    timeouts = {name: _LEAN_SERVER[name] for name in _LEAN_SERVER if name.endswith("_TIMEOUT")}
    _set_defaults(LASTING | timeouts | {"PREFECT_SERVER_UI_API_URL": f"http://127.0.0.1:{port}/api"})


def prepare(home: Path) -> socket.socket | None:
    """Sets the environment; the listening socket of the temporary server, or None when `PREFECT_API_URL` names one."""
    if os.environ.get("PREFECT_API_URL"):
        _set_defaults(_QUIET)
        return None
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    os.environ.update(_addresses(home, port) | _past_proxies())
    _set_defaults(_QUIET | _LEAN_SERVER)
    return listener


def database_file(home: Path) -> Path:
    """Where the temporary server keeps its runs, so that a lasting server can show them later."""
    return home / "prefect.db"


def _past_proxies() -> dict[str, str]:
    """A proxy of the caller's must not be asked for our own port; libraries read either spelling."""
    return {name: ",".join(filter(None, [os.environ.get(name), "127.0.0.1"])) for name in ("NO_PROXY", "no_proxy")}


def _addresses(home: Path, port: int) -> dict[str, str]:
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": connection_url(database_file(home)),
    }


def _set_defaults(settings: Mapping[str, str]) -> None:
    for name, value in settings.items():
        os.environ.setdefault(name, value)
