"""An installation of the stack profile: API, workers and consumers as processes, on real servers, in places of its own.

`installation(folder, model_url, workers=2, consumers=2)` starts them and waits until all are ready; at the end nothing
of it is left but the logs, which are shown when the test fails.
"""

import asyncio
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pydantic import SecretStr

from synthmill.bridge.child import find_program
from synthmill.settings import Profile, Settings
from tests.support import stack
from tests.support.client import Client
from tests.support.servers import Server
from tests.support.services import Service, free_port

QUICK = {
    "SYNTHMILL_WORKER__LEASE_SECONDS": "3",
    "SYNTHMILL_JOB__RECONCILE_SECONDS": "1",
    "SYNTHMILL_JOB__RESEND_SECONDS": "10",
}
"""Periods of minutes made seconds: what is proved is that the services mend by themselves, not how long they wait."""


def settings_on(location: Path, *own: Server, indices: Path | None = None) -> Settings:
    """Places of the test's own on the servers of the stack, or on `own` ones; `indices`: where those of others lie."""
    at = str(location)
    settings = Settings(
        profile=Profile.STACK,
        home=location / "home",
        rabbitmq=stack.rabbit_settings(at),
        elasticsearch=stack.elastic_settings(str(indices or location)),
        minio=stack.minio_settings(at),
    )
    for server in own:
        settings = _on(settings, server)
    return settings


_ADDRESS = {"rabbitmq": ("url",), "elasticsearch": ("url",), "minio": ("endpoint", "access_key", "secret_key")}
"""What tells one server from another, in the settings that bear its name."""


def _on(settings: Settings, server: Server) -> Settings:
    told = getattr(server.settings(), server.name)
    changes = {name: getattr(told, name) for name in _ADDRESS[server.name]}
    return settings.model_copy(update={server.name: getattr(settings, server.name).model_copy(update=changes)})


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables that give a process these servers."""
    groups = {"RABBITMQ": settings.rabbitmq, "ELASTICSEARCH": settings.elasticsearch, "MINIO": settings.minio}
    servers = {
        f"SYNTHMILL_{group}__{name.upper()}": _text(value)
        for group, model in groups.items()
        for name, value in model
        if value is not None
    }
    return {"SYNTHMILL_PROFILE": "stack", "SYNTHMILL_HOME": str(settings.home), **servers}


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass
class Installation:
    """Its programs; `settings` tell where its servers are and how its places there are called."""

    folder: Path
    settings: Settings
    environment: dict[str, str]
    services: list[Service] = field(default_factory=list)

    @property
    def api(self) -> Service:
        """The REST API."""
        return self._named("api")[0]

    @property
    def gateway(self) -> Service:
        """The gateway, in an installation that has one."""
        return self._named("gateway")[0]

    @property
    def workers(self) -> list[Service]:
        """In the order in which they were added."""
        return self._named("worker")

    @property
    def consumers(self) -> list[Service]:
        """In the order in which they were added."""
        return self._named("consumer")

    @cached_property
    def client(self) -> Client:
        """A client of the API, with all rights."""
        return self.client_of("default")

    def client_of(self, tenant: str) -> Client:
        """One more, of that tenant."""
        command = [sys.executable, "-m", "synthmill", "keys", "create", "--scopes", "all", "--tenant", tenant]
        made = subprocess.run(command, env=dict(self.environment), capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr
        return Client(self.api.url, made.stdout.strip())

    def add_api(self) -> Service:
        """Starts the API."""
        port = free_port()
        return self._add("api", [sys.executable, "-m", "synthmill_api", "--port", str(port)], port)

    def add_gateway(self, model_url: str) -> None:
        """Starts a gateway whose route `openai/…` leads to `model_url`; consumers added from now on use it."""
        port = free_port()
        self.environment |= {"OPENAI_API_KEY": "unused", "OPENAI_API_BASE": f"{model_url}/v1"}
        gateway = self._add("gateway", [sys.executable, "-m", "synthmill_gateway", "--port", str(port)], port)
        self.environment |= {"SYNTHMILL_GATEWAY__URL": f"{gateway.url}/v1"}

    def add_worker(self) -> Service:
        """Starts one more worker."""
        return self._add("worker", [sys.executable, "-m", "synthmill_worker"], free_port())

    def add_consumer(self, program: str | Path | None = None) -> Service:
        """Starts one more consumer; `program`: another one than the built one."""
        return self._add("consumer", [str(program or find_program(Settings()))], free_port())

    def until_ready(self) -> None:
        """Waits for all of them."""
        for service in self.services:
            service.until_ready()

    def _named(self, kind: str) -> list[Service]:
        return [service for service in self.services if service.name.partition("-")[0] == kind]

    def _add(self, kind: str, command: Sequence[str], port: int) -> Service:
        name = f"{kind}-{len(self._named(kind)) + 1}"
        environment = {**self.environment, "SYNTHMILL_MONITORING__PORT": str(port)}
        service = Service(name, command, environment, self.folder / f"{name}.log", port)
        self.services.append(service)
        service.start()
        return service


@contextmanager
def installation(
    folder: Path,
    model_url: str,
    *own: Server,
    workers: int = 1,
    consumers: int = 1,
    gateway: bool = False,
    indices: Path | None = None,
    **variables: str,
) -> Iterator[Installation]:
    """One whose models are at `model_url`, behind a gateway or not; `variables` are settings as in the environment.

    With `indices` it uses the indexes made for that place and leaves them: making them takes most of a short test.
    """
    settings = settings_on(folder, *own, indices=indices)
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    mill = Installation(
        folder,
        settings,
        {
            **inherited,
            **environment_of(settings),
            **QUICK,
            "SYNTHMILL_API__SECRET": secrets.token_hex(32),
            "SYNTHMILL_GATEWAY__URL": f"{model_url}/v1",
            **variables,
        },
    )
    try:
        if gateway:
            mill.add_gateway(model_url)
        mill.add_api()
        mill.api.until_ready()  # it makes queues, indexes and bucket, on which the others would wait
        for _ in range(workers):
            mill.add_worker()
        for _ in range(consumers):
            mill.add_consumer()
        mill.until_ready()
        yield mill
    except BaseException:
        for service in mill.services:
            print(f"== {service.name}\n{service.tail()}")
        raise
    finally:
        for service in mill.services:
            service.end()
        if "client" in vars(mill):
            mill.client.close()
        kept = {server.name for server in own} | (set() if indices is None else {"elasticsearch"})
        asyncio.run(_remove_places(str(folder), kept))


async def _remove_places(location: str, kept: set[str]) -> None:
    """What lies on servers that others use as well; a server of the test's own goes as a whole."""
    removers = {
        "rabbitmq": stack.remove_queues,
        "elasticsearch": stack.remove_indices,
        "minio": stack.remove_bucket,
    }
    await asyncio.gather(*(remove(location) for name, remove in removers.items() if name not in kept))
