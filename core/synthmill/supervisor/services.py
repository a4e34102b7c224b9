"""Gateway, worker and bridge of the embedded profile, started and stopped together."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from synthmill.settings import Settings
from synthmill.supervisor.process import ServiceFailed, ServiceProcess, environment_of

_PORT_POLL_SECONDS = 0.05  # a file that another process writes once


@dataclass(frozen=True, slots=True)
class Companion:
    """One more service beside them: its name, module, arguments and variables of its own."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


class ServiceGroup:
    """The services of one command."""

    def __init__(self) -> None:
        self._services: list[ServiceProcess] = []
        self._running: list[asyncio.Task[ServiceFailed]] = []

    def add(self, service: ServiceProcess) -> None:
        """Starts a service and keeps it alive."""
        self._services.append(service)
        self._running.append(asyncio.create_task(service.run(), name=service.name))

    async def failed(self) -> ServiceFailed:
        """Returns when a service ended for good."""
        done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        return next(iter(done)).result()

    async def stop(self) -> None:
        """Stops them in the order of the data's way, so that none waits for the next."""
        for service in reversed(self._services):
            await service.stop()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


@asynccontextmanager
async def running_services(
    settings: Settings,
    *,
    gateway: bool,
    log_folder: Path,
    variables: Mapping[str, str] = MappingProxyType({}),
    companions: Sequence[Companion] = (),
) -> AsyncIterator[ServiceGroup]:
    """Worker and bridge, and a gateway on a free port if one is wanted and none is set; then companions, if any."""
    group = ServiceGroup()
    environment = environment_of(settings) | dict(variables)

    def add(name: str, module: str) -> None:
        group.add(ServiceProcess(name, ["-m", module, "--watch-stdin"], environment, log_folder / f"{name}.log"))

    try:
        add("worker", "synthmill_worker")  # plans while the gateway starts
        if gateway and settings.gateway.url is None:
            environment["SYNTHMILL_GATEWAY__URL"] = await _start_gateway(group, environment, log_folder)
        add("bridge", "synthmill.bridge")
        for more in companions:
            arguments = ["-m", more.module, *more.arguments, "--watch-stdin"]
            own = environment | dict(more.variables)
            group.add(ServiceProcess(more.name, arguments, own, log_folder / f"{more.name}.log"))
        yield group
    finally:
        await group.stop()


async def _start_gateway(group: ServiceGroup, environment: Mapping[str, str], log_folder: Path) -> str:
    """Starts the gateway and answers its URL; started again it takes the same port, which others were told."""
    port_file = log_folder / "gateway.address"
    port_file.unlink(missing_ok=True)
    arguments = ["-m", "synthmill_gateway", "--port", str(_free_port()), "--port-file", str(port_file)]
    group.add(ServiceProcess("gateway", [*arguments, "--watch-stdin"], environment, log_folder / "gateway.log"))
    return f"http://{await _address(group, port_file)}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _address(group: ServiceGroup, port_file: Path) -> str:
    failed = asyncio.create_task(group.failed())
    try:
        while not port_file.exists():
            await asyncio.wait({failed}, timeout=_PORT_POLL_SECONDS)
            if failed.done():
                raise failed.result()
        return port_file.read_text().strip()
    finally:
        failed.cancel()
