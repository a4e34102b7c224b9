"""The whole embedded installation as children of one command: Prefect server, services, API, Prefect worker."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from synthmill.settings import Settings
from synthmill.supervisor.process import ServiceFailed, ServiceProcess, environment_of
from synthmill.supervisor.services import Companion, ServiceGroup, running_services

_LOOK_SECONDS = 0.2
_ASK_SECONDS = 2.0
_PAST_PROXIES = ("NO_PROXY", "no_proxy")


@dataclass(frozen=True, slots=True)
class Places:
    """Where people and programs reach it, all on the loopback interface."""

    prefect_port: int
    api_port: int
    flows_port: int

    @property
    def prefect_url(self) -> str:
        """Prefect's UI; its API is below `/api`."""
        return f"http://127.0.0.1:{self.prefect_port}"

    @property
    def api_url(self) -> str:
        """Synthmill's REST API."""
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def flows_url(self) -> str:
        """Where the Prefect worker says whether it works."""
        return f"http://127.0.0.1:{self.flows_port}"

    def variables(self) -> dict[str, str]:
        """What tells the services of each other."""
        return {
            "PREFECT_API_URL": f"{self.prefect_url}/api",
            "SYNTHMILL_PREFECT__URL": f"{self.prefect_url}/api",
            "SYNTHMILL_API_URL": self.api_url,
            "SYNTHMILL_API__WEBHOOK_TOKEN": secrets.token_hex(24),  # told to Prefect anew at each start
            **dict.fromkeys(_PAST_PROXIES, "127.0.0.1"),
        }


class Installation:
    """What runs; `failed` returns when a part ended for good."""

    def __init__(self, server: ServiceGroup, services: ServiceGroup) -> None:
        self._groups = (server, services)

    async def failed(self) -> ServiceFailed:
        """The first that could not be kept alive."""
        watching = [asyncio.create_task(group.failed()) for group in self._groups]
        try:
            done, _ = await asyncio.wait(watching, return_when=asyncio.FIRST_COMPLETED)
            return next(iter(done)).result()
        finally:
            for task in watching:
                task.cancel()

    async def until_ready(self, url: str) -> None:
        """Waits until the URL answers 200; raises when a part ended for good."""
        failing = asyncio.create_task(self.failed())
        try:
            async with httpx.AsyncClient(timeout=_ASK_SECONDS, trust_env=False) as client:
                while not await _answers(client, url):
                    await asyncio.wait({failing}, timeout=_LOOK_SECONDS)
                    if failing.done():
                        raise failing.result()
        finally:
            failing.cancel()


@asynccontextmanager
async def running_installation(settings: Settings, places: Places, log_folder: Path) -> AsyncIterator[Installation]:
    """Ready when entered. At the end the Prefect worker hands its runs over first, and the Prefect server goes last."""
    variables = places.variables()
    server = ServiceGroup()
    try:
        server.add(_prefect(settings, places, variables, log_folder))
        companions = [
            Companion("api", "synthmill_api", ("--port", str(places.api_port))),
            Companion("flows", "synthmill_flows.pool", (), {"SYNTHMILL_MONITORING__PORT": str(places.flows_port)}),
        ]
        beginning = running_services(
            settings, gateway=True, log_folder=log_folder, variables=variables, companions=companions
        )
        async with beginning as services:
            installation = Installation(server, services)
            await installation.until_ready(f"{places.prefect_url}/api/health")
            await installation.until_ready(f"{places.api_url}/readyz")
            await installation.until_ready(f"{places.flows_url}/readyz")
            yield installation
    finally:
        await server.stop()


def _prefect(settings: Settings, places: Places, variables: Mapping[str, str], log_folder: Path) -> ServiceProcess:
    arguments = ["-m", "synthmill_flows.lasting", "--port", str(places.prefect_port), "--watch-stdin"]
    environment = environment_of(settings) | dict(variables)
    return ServiceProcess("prefect", arguments, environment, log_folder / "prefect.log")


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
