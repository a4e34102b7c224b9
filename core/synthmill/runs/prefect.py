"""Prefect's REST API as far as jobs need it; the one module of core that knows it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import httpx

from synthmill.errors import Retriable, UserError
from synthmill.settings import PrefectSettings

FLOW = "generate-dataset"

JOB_FLOWS = (FLOW, "refresh-dataset", "quote-recipe", "replay-rejects")
"""Flows whose runs stand for a job, named by their parameter `order`."""

OF_TENANT = "synthmill-tenant"
"""On deployments that are a tenant's own."""

_SCHEDULED = "scheduled"  # the deployment of a flow's recurring runs

_MOST_RUNS = 200  # Prefect's own limit of a page


def tenant_tag(tenant: str) -> str:
    """On every run of a tenant; who reads through the API sees those alone."""
    return f"{OF_TENANT}:{tenant}"


class PrefectAway(Retriable):
    """Prefect's server does not answer; jobs go on without it."""


class PrefectRefused(UserError):
    """Prefect's server answers, and does not do what it is asked."""


class RunState(StrEnum):
    """Prefect's types of states."""

    SCHEDULED = "SCHEDULED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CRASHED = "CRASHED"


@dataclass(frozen=True, slots=True)
class FlowRun:
    """A run as Prefect tells of it; `since`: when it came into its state."""

    id: str
    state: RunState
    since: datetime
    parameters: Mapping[str, Any]
    message: str = ""
    rescheduled: bool = False
    """Whether Prefect asks for a new process when it is resumed; else it is said to run in the one that it has."""

    @property
    def order(self) -> Mapping[str, Any]:
        """The flow's one parameter."""
        order = self.parameters.get("order")
        return order if isinstance(order, Mapping) else {}


class PrefectRest:
    """Calls to one server. Raises `PrefectAway` or `PrefectRefused`."""

    def __init__(self, client: httpx.AsyncClient, deployment: str) -> None:
        self._client = client
        self._deployment = deployment

    async def create(self, tenant: str, job_id: str, *, extended: int = 0) -> FlowRun:
        """The run of a job: a new one, or the one that was created for it before.

        `extended`: how often the job was, which gets a run of its own after the end of the one before.
        """
        found = await self._call("GET", f"deployments/name/{self._deployment}")
        if found is None:
            raise PrefectRefused(f"Prefect has no deployment {self._deployment}: run `make deploy`")
        body = {
            "parameters": {"order": {"job_id": job_id, "tenant": tenant}},
            "idempotency_key": f"{job_id}.{extended}" if extended else job_id,
            "tags": [tenant_tag(tenant)],
            "state": {"type": RunState.SCHEDULED},
        }
        return _run(await self._call("POST", f"deployments/{found['id']}/create_flow_run", body))

    async def find(self, run_id: str) -> FlowRun | None:
        """The run as it stands; None when there is none."""
        found = await self._call("GET", f"flow_runs/{run_id}")
        return None if found is None else _run(found)

    async def set_state(self, run_id: str, state: RunState, message: str, *, name: str | None = None) -> bool:
        """Asks for a state; whether it was taken. Prefect's rules decide: a run that has ended does not crash."""
        wanted = {"type": state, "message": message} | ({} if name is None else {"name": name})
        answer = await self._call("POST", f"flow_runs/{run_id}/set_state", {"state": wanted})
        return answer is not None and answer["status"] == "ACCEPT"

    async def resume(self, run_id: str) -> bool:
        """Lets a suspended run go on; whether it does."""
        answer = await self._call("POST", f"flow_runs/{run_id}/resume", {})
        return answer is not None and answer["status"] == "ACCEPT"

    async def runs(self, states: Sequence[RunState]) -> list[FlowRun]:
        """The newest runs in one of these states."""
        body = {
            "flows": {"name": {"any_": list(JOB_FLOWS)}},
            "deployments": {
                "operator": "or_",
                "name": {"any_": [self._deployment.partition("/")[2], _SCHEDULED]},
                "tags": {"all_": [OF_TENANT]},
            },
            "flow_runs": {"state": {"type": {"any_": list(states)}}},
            "sort": "EXPECTED_START_TIME_DESC",
            "limit": _MOST_RUNS,
        }
        return [_run(found) for found in await self._call("POST", "flow_runs/filter", body)]

    async def tell_event(self, event: Mapping[str, Any]) -> None:
        """Puts an event into the server's feed; the same `id` again is the same event."""
        await self._call("POST", "events", [event])

    async def _call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401  JSON
        return await ask(self._client, method, path, body)


async def ask(client: httpx.AsyncClient, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401  JSON
    """The answer as JSON; None when there is no such thing, or nothing to say. Raises as `PrefectRest` does."""
    try:
        answer = await client.request(method, path, json=body)
    except httpx.HTTPError as error:
        raise PrefectAway(f"Prefect's server at {client.base_url} does not answer: {error!r}") from error
    if answer.status_code == 404:
        return None
    if answer.status_code >= 500 or answer.status_code == 429:
        raise PrefectAway(f"Prefect's server answered {answer.status_code} to {path}")
    if answer.is_error:
        raise PrefectRefused(f"Prefect refused {path} with {answer.status_code}: {answer.text[:300]}")
    return answer.json() if answer.content else None


@asynccontextmanager
async def prefect_rest(settings: PrefectSettings) -> AsyncIterator[PrefectRest]:
    """A client of the server in the settings, which have to name one."""
    async with prefect_client(settings) as client:
        yield PrefectRest(client, settings.deployment)


@asynccontextmanager
async def prefect_client(settings: PrefectSettings) -> AsyncIterator[httpx.AsyncClient]:
    """The same without a word of jobs."""
    user, _, password = (settings.auth.get_secret_value() if settings.auth else "").partition(":")
    auth = httpx.BasicAuth(user, password) if user else None
    base = f"{str(settings.url).rstrip('/')}/"
    async with httpx.AsyncClient(base_url=base, auth=auth, timeout=settings.request_seconds) as client:
        yield client


def run_link(settings: PrefectSettings, run_id: str) -> str | None:
    """Where a person sees the run; None when no server is named."""
    if settings.url is None:
        return None
    ui = str(settings.ui_url or str(settings.url).rstrip("/").removesuffix("/api")).rstrip("/")
    return f"{ui}/runs/flow-run/{run_id}"


def _run(found: Mapping[str, Any]) -> FlowRun:
    state = found.get("state") or {"type": RunState.SCHEDULED, "timestamp": found["created"]}
    since = datetime.fromisoformat(str(state["timestamp"]))
    return FlowRun(
        str(found["id"]),
        RunState(state["type"]),
        since,
        found.get("parameters") or {},
        state.get("message") or "",
        bool((state.get("state_details") or {}).get("pause_reschedule")),
    )
