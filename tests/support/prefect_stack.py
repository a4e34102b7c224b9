"""A Prefect server of a test's own with a process worker, and the flow deployed there: to be used and to be killed.

Everything is told to the server over its REST API, as an operator's tools do; nothing here imports Prefect.
"""

import os
import signal
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from synthmill.runs.prefect import FLOW
from tests.support.deployments import assignments, stack_settings
from tests.support.program import Program
from tests.support.servers import Server
from tests.support.services import Service, free_port
from tests.support.wait import until

POOL, DEPLOYMENT = "test", "default"
ENDED = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}
START_SECONDS = 240.0

_JOB = {name: f"{{{{ {name} }}}}" for name in ("command", "env", "labels", "name", "stream_output", "working_dir")}
_VARIABLES = {
    "properties": {
        "command": {"type": "string", "default": "python -m prefect.engine"},
        "env": {"type": "object", "additionalProperties": {"type": "string"}, "default": {}},
        "labels": {"type": "object", "default": {}},
        "name": {"type": "string", "default": "run"},
        "stream_output": {"type": "boolean", "default": True},
        "working_dir": {"type": "string"},
    },
    "type": "object",
}
_SETTINGS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "2",
    "PREFECT_WORKER_QUERY_SECONDS": "1",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    "PREFECT_CLIENT_MAX_RETRIES": "10",
    "PREFECT_LOGGING_COLORS": "false",
}


@dataclass
class PrefectStack:
    """`server` and `worker` are processes; `worker` is started with the environment of an installation."""

    folder: Path
    server: Service
    worker: Service | None = None

    @property
    def url(self) -> str:
        """Of the API."""
        return f"{self.server.url}/api"

    @cached_property
    def http(self) -> httpx.Client:
        """A client of the API."""
        return httpx.Client(base_url=self.url, timeout=30)

    @property
    def variables(self) -> dict[str, str]:
        """What an installation's services need to know of it."""
        return {"SYNTHMILL_PREFECT__URL": self.url, "SYNTHMILL_JOB__FLOW_LEASE_SECONDS": "20"}

    def until_healthy(self) -> None:
        """Waits for the server."""
        until(self._healthy, "Prefect's server", seconds=START_SECONDS, every=0.2)

    def start_worker(self, environment: Mapping[str, str]) -> Service:
        """A worker of the pool, for runs in this environment; returns when the server knows it."""
        command = [_prefect(), "worker", "start", "--pool", POOL, "--type", "process", "--name", "one"]
        told = {**environment, **self.environment()}
        self.worker = Service("prefect-worker", command, told, self.folder / "prefect-worker.log", 0)
        self.worker.start()
        until(self._polled, "Prefect's worker", seconds=START_SECONDS, every=0.2)
        return self.worker

    def environment(self) -> dict[str, str]:
        """For its own processes."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {**_SETTINGS, "PREFECT_HOME": str(self.folder / "prefect"), "PREFECT_API_URL": self.url, "PATH": path}

    def deploy(self) -> None:
        """The pool, and the flow in it; twice is once."""
        if self.http.get(f"/work_pools/{POOL}").status_code == 404:
            template = {"job_configuration": _JOB, "variables": _VARIABLES}
            self.patiently("POST", "/work_pools/", {"name": POOL, "type": "process", "base_job_template": template})
        flow = self.patiently("POST", "/flows/", {"name": FLOW})
        deployment = {
            "name": DEPLOYMENT,
            "flow_id": flow["id"],
            "work_pool_name": POOL,
            "entrypoint": "synthmill_flows.generate.generate_dataset",
            "pull_steps": [],
            "tags": ["synthmill"],
            "job_variables": {"working_dir": str(self.folder)},
            "enforce_parameter_schema": False,
        }
        self.patiently("POST", "/deployments/", deployment)

    def run(self, order: Mapping[str, Any], **more: Any) -> str:  # noqa: ANN401  as the API takes it
        """A run's id."""
        found = _made(self.http.get(f"/deployments/name/{FLOW}/{DEPLOYMENT}"))
        key = {"idempotency_key": uuid.uuid4().hex}  # SQLite refuses now and then, and is asked again
        body = {"parameters": {"order": order}, "state": {"type": "SCHEDULED"}, **key, **more}
        return str(self.patiently("POST", f"/deployments/{found['id']}/create_flow_run", body)["id"])

    def limit(self, runs: int | None) -> None:
        """How many runs of the deployment there may be at once; more of them wait."""
        found = _made(self.http.get(f"/deployments/name/{FLOW}/{DEPLOYMENT}"))
        body = {"concurrency_limit": runs, "concurrency_options": {"collision_strategy": "ENQUEUE"}}
        answer = self.http.patch(f"/deployments/{found['id']}", json=body)
        assert answer.is_success, answer.text

    def states(self, run_id: str) -> list[dict[str, Any]]:
        """All states that the run went through, the first first."""
        found: list[dict[str, Any]] = _made(self.http.get("/flow_run_states/", params={"flow_run_id": run_id}))
        return sorted(found, key=lambda state: str(state["timestamp"]))

    def runs(self) -> list[dict[str, Any]]:
        """All of them."""
        found: list[dict[str, Any]] = _made(self.http.post("/flow_runs/filter", json={}))
        return found

    def state(self, run_id: str) -> dict[str, Any]:
        """The run's state now: type, name and message."""
        state: dict[str, Any] = _made(self.http.get(f"/flow_runs/{run_id}"))["state"]
        return state

    def until_state(self, run_id: str, *types: str, seconds: float = 180.0) -> dict[str, Any]:
        """Waits until the run is in one of these types of state; the server may be away meanwhile."""

        def there() -> dict[str, Any]:
            with suppress(httpx.TransportError, AssertionError):
                state = self.state(run_id)
                return state if state["type"] in types else {}
            return {}

        try:
            return until(there, f"run {run_id} to be {' or '.join(types)}", seconds=seconds, every=0.2)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {self.state(run_id)}") from None

    def set_state(self, run_id: str, type_: str, name: str | None = None) -> None:
        """What the UI's buttons do."""
        state = {"type": type_, **({} if name is None else {"name": name, "message": f"{name} from the UI"})}
        answer = self.patiently("POST", f"/flow_runs/{run_id}/set_state", {"state": state})
        assert answer["status"] == "ACCEPT", answer

    def resume(self, run_id: str) -> None:
        """The UI's button at a suspended run."""
        answer = self.patiently("POST", f"/flow_runs/{run_id}/resume", {})
        assert answer["status"] == "ACCEPT", answer

    def artifacts(self, run_id: str) -> dict[str, Any]:
        """The last of each key that belongs to the run: its data."""
        body = {"artifacts": {"flow_run_id": {"any_": [run_id]}}, "sort": "CREATED_DESC"}
        found = _made(self.http.post("/artifacts/filter", json=body))
        return {artifact["key"]: artifact["data"] for artifact in reversed(found)}

    def flow_processes(self, home: Path, run_id: str = "") -> list[int]:
        """The processes that run flows of the installation with this home, or one of its runs."""
        engines = [pid for pid in Program(home).pids() if b"prefect.engine" in _told(pid, "cmdline")]
        return [pid for pid in engines if run_id.encode() in _told(pid, "environ")]

    def close(self) -> None:
        """Ends its processes."""
        if self.worker is not None:
            self.worker.end()
        self.server.end()
        if "http" in vars(self):
            self.http.close()

    def patiently(self, method: str, path: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401  JSON
        """What the server answers at last: with SQLite it answers 503 while another request writes."""

        def answered() -> list[httpx.Response]:
            with suppress(httpx.TransportError):
                answer = self.http.request(method, path, json=body)
                return [] if answer.status_code == 503 else [answer]
            return []

        return _made(until(answered, f"an answer to {path}", every=0.2)[0])

    def _healthy(self) -> bool:
        assert self.server.running, f"Prefect's server ended:\n{self.server.tail()}"
        with suppress(httpx.TransportError):
            return self.http.get("/health").status_code == 200
        return False

    def _polled(self) -> bool:
        assert self.worker is not None
        assert self.worker.running, f"Prefect's worker ended:\n{self.worker.tail()}"
        answer = self.http.post(f"/work_pools/{POOL}/workers/filter", json={})
        return answer.status_code == 200 and any(worker["status"] == "ONLINE" for worker in answer.json())


@contextmanager
def prefect_server(folder: Path, *, ui: bool = False, database: str | None = None) -> Iterator[PrefectStack]:
    """A server with nothing deployed.

    `database` is the URL of its data; without one that is SQLite, which serves one run at a time well enough.
    """
    port = free_port()
    command = [_prefect(), "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE" and not k.startswith("PREFECT_")}
    server = Service("prefect-server", command, inherited, folder / "prefect-server.log", port)
    stack = PrefectStack(folder, server)
    told = {} if database is None else {"PREFECT_SERVER_DATABASE_CONNECTION_URL": database}
    server.environment = {**inherited, **stack.environment(), **told, "PREFECT_SERVER_UI_ENABLED": str(ui).lower()}
    try:
        server.start()
        stack.until_healthy()
        yield stack
    except BaseException:
        for service in (stack.server, stack.worker):
            if service is not None:
                print(f"== {service.name}\n{service.tail()}")
        raise
    finally:
        stack.close()


@contextmanager
def prefect_stack(folder: Path, *, database: str | None = None) -> Iterator[PrefectStack]:
    """A server with the flow deployed, in a pool of the test's own."""
    with prefect_server(folder, database=database) as stack:
        stack.deploy()
        yield stack


def prefect_database(postgres: Server) -> str:
    """The URL of Prefect's database on a server of the test's own."""
    user = stack_settings()["SYNTHMILL_STACK_POSTGRES_USER"]
    password = assignments(postgres.home / "secrets.env")["SYNTHMILL_STACK_POSTGRES_PASSWORD"]
    return f"postgresql+asyncpg://{user}:{password}@127.0.0.1:{postgres.port}/prefect"


def kill(pid: int) -> None:
    """SIGKILL to a process that has to be there."""
    os.kill(pid, signal.SIGKILL)


def _prefect() -> str:
    return str(Path(sys.executable).parent / "prefect")


def _told(pid: int, what: str) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/{what}").read_bytes()
    return b""


def _made(answer: httpx.Response) -> Any:  # noqa: ANN401  JSON
    assert answer.is_success, f"{answer.request.url}: {answer.status_code} {answer.text[:500]}"
    return answer.json()
