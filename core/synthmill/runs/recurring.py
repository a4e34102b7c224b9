"""Refreshes of one tenant's datasets: a run now, schedules, and how its runs stand. Tenants see nothing of each other.

A tenant's schedules lie at a deployment of its own, made from the one that is shipped when it is first wanted: so all
that comes of them carries the tenant's tag, and one tenant's refresh does not wait for another's.
"""

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from synthmill.errors import SynthmillError
from synthmill.runs.prefect import OF_TENANT, RunState, ask, prefect_client, tenant_tag
from synthmill.settings import PrefectSettings

FLOW = "refresh-dataset"
_TEMPLATE = "scheduled"
_COPIED = (
    "flow_id",
    "entrypoint",
    "path",
    "work_pool_name",
    "work_queue_name",
    "job_variables",
    "pull_steps",
    "parameter_openapi_schema",
    "enforce_parameter_schema",
    "concurrency_options",
)
"""What a tenant's deployment has of the shipped one."""


class NothingDeployed(SynthmillError):
    """Prefect has not got our flows; `make deploy` brings them there."""


@dataclass(frozen=True, slots=True)
class Refreshing:
    """What is to be refreshed: a stored recipe, `name` or `name@version`, from the newest upload under a name."""

    recipe: str
    source: str
    allow_parked: bool = False

    def order(self, tenant: str) -> dict[str, Any]:
        """The flow's parameters. Never a folder or a prefix: those are the operator's, and of all tenants."""
        wanted = {"recipe": self.recipe, "place": "upload", "location": self.source}
        return {"order": {**wanted, "allow_parked": self.allow_parked, "tenant": tenant}}

    @classmethod
    def of(cls, order: Mapping[str, Any]) -> "Refreshing":
        """From parameters."""
        return cls(str(order["recipe"]), str(order["location"]), bool(order.get("allow_parked")))


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a dataset is refreshed: `cron`, or every `interval_seconds`, in `timezone`."""

    id: str
    what: Refreshing
    active: bool
    cron: str | None
    interval_seconds: int | None
    timezone: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RunSeen:
    """A run as a client sees it. `started_at` and `ended_at` are None before."""

    id: str
    name: str
    state: RunState
    state_name: str
    message: str
    order: Mapping[str, Any]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class Recurring:
    """One tenant's part of a Prefect server. Raises PrefectAway, PrefectRefused and NothingDeployed."""

    def __init__(self, client: httpx.AsyncClient, tenant: str) -> None:
        self._client = client
        self._tenant = tenant

    async def run_now(self, what: Refreshing, key: str | None) -> RunSeen:
        """A new run; with a key the one that was made with it before."""
        deployment = await self._deployment()
        own = None if key is None else str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self._tenant}\n{key}"))
        body = {
            "parameters": what.order(self._tenant),
            "tags": [tenant_tag(self._tenant)],
            "idempotency_key": own,
            "state": {"type": RunState.SCHEDULED},
        }
        return _seen(await self._ask("POST", f"deployments/{deployment}/create_flow_run", body))

    async def runs(self, states: Sequence[RunState], limit: int, offset: int) -> tuple[list[RunSeen], int]:
        """Runs, the newest first, and how many there are."""
        wanted: dict[str, Any] = {"tags": {"all_": [tenant_tag(self._tenant)]}}
        if states:
            wanted["state"] = {"type": {"any_": list(states)}}
        page = {"flow_runs": wanted, "sort": "EXPECTED_START_TIME_DESC", "limit": limit, "offset": offset}
        found = await self._ask("POST", "flow_runs/filter", page)
        total = await self._ask("POST", "flow_runs/count", {"flow_runs": wanted})
        return [_seen(run) for run in found], int(total)

    async def run(self, run_id: str) -> RunSeen | None:
        """The run, if it is this tenant's."""
        found = await self._ask("GET", f"flow_runs/{run_id}")
        return None if found is None or tenant_tag(self._tenant) not in found["tags"] else _seen(found)

    async def add_schedule(self, what: Refreshing, when: Mapping[str, Any]) -> Schedule:
        """A new schedule, which counts from now; `when` as Prefect has it."""
        deployment = await self._deployment()
        body = [{"active": True, "schedule": when, "parameters": what.order(self._tenant)}]
        (made,) = await self._ask("POST", f"deployments/{deployment}/schedules", body)
        return _schedule(made)

    async def schedules(self) -> list[Schedule]:
        """All schedules, the oldest first."""
        own = await self._own()
        found = [] if own is None else await self._ask("GET", f"deployments/{own}/schedules")
        return sorted((_schedule(each) for each in found), key=lambda schedule: schedule.created_at)

    async def schedule(self, schedule_id: str) -> Schedule | None:
        """The schedule, if it is this tenant's."""
        return next((each for each in await self.schedules() if each.id == schedule_id), None)

    async def switch(self, schedule: Schedule, *, active: bool) -> None:
        """Lets a schedule rest, or go on; runs that it has planned go with it."""
        # a change of a schedule that leaves its parameters out takes them away, as Prefect 3.8 has it
        body = {"active": active, "parameters": schedule.what.order(self._tenant)}
        await self._ask("PATCH", f"deployments/{await self._own()}/schedules/{schedule.id}", body)

    async def remove(self, schedule_id: str) -> None:
        """Deletes a schedule; runs that began go on."""
        await self._ask("DELETE", f"deployments/{await self._own()}/schedules/{schedule_id}")

    async def _own(self) -> str | None:
        found = await self._ask("GET", f"deployments/name/{FLOW}/{self._name}")
        return None if found is None else str(found["id"])

    async def _deployment(self) -> str:
        """The tenant's own deployment, made when it is missing; by several at once, it is made once."""
        own = await self._own()
        if own is not None:
            return own
        shipped = await self._ask("GET", f"deployments/name/{FLOW}/{_TEMPLATE}")
        if shipped is None:
            raise NothingDeployed(f"Prefect has no deployment {FLOW}/{_TEMPLATE}: the operator runs `make deploy`")
        body = {name: shipped[name] for name in _COPIED if shipped.get(name) is not None}
        limit = (shipped.get("global_concurrency_limit") or {}).get("limit")
        text = f"Refreshes of tenant {self._tenant}, made from {FLOW}/{_TEMPLATE}."
        tags = [*shipped["tags"], OF_TENANT, tenant_tag(self._tenant)]
        made = await self._ask(
            "POST",
            "deployments/",
            body | {"name": self._name, "tags": tags, "description": text, "concurrency_limit": limit},
        )
        return str(made["id"])

    @property
    def _name(self) -> str:
        return f"{_TEMPLATE}-{self._tenant}"

    async def _ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401  JSON
        return await ask(self._client, method, path, body)


@asynccontextmanager
async def recurring(settings: PrefectSettings, tenant: str) -> AsyncIterator[Recurring]:
    """A tenant's part of the server in the settings, which have to name one."""
    async with prefect_client(settings) as client:
        yield Recurring(client, tenant)


def _seen(found: Mapping[str, Any]) -> RunSeen:
    state = found.get("state") or {}
    order = (found.get("parameters") or {}).get("order")
    return RunSeen(
        id=str(found["id"]),
        name=str(found["name"]),
        state=RunState(state.get("type") or RunState.SCHEDULED),
        state_name=str(state.get("name") or "Scheduled"),
        message=str(state.get("message") or ""),
        order=order if isinstance(order, Mapping) else {},
        created_at=datetime.fromisoformat(str(found["created"])),
        started_at=_moment(found.get("start_time")),
        ended_at=_moment(found.get("end_time")),
    )


def _moment(text: object) -> datetime | None:
    return None if text is None else datetime.fromisoformat(str(text))


def _schedule(found: Mapping[str, Any]) -> Schedule:
    when = found["schedule"]
    interval = when.get("interval")
    return Schedule(
        id=str(found["id"]),
        what=Refreshing.of(found["parameters"]["order"]),
        active=bool(found["active"]),
        cron=when.get("cron"),
        interval_seconds=None if interval is None else int(interval),
        timezone=str(when.get("timezone") or "UTC"),
        created_at=datetime.fromisoformat(str(found["created"])),
    )
