"""Servers of a test's own, started by the scripts of the native stack: to be killed and started again."""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from synthmill.settings import Settings
from tests.support.native import SCRIPTS, settings_from, variables
from tests.support.wait import until

_PORTS = {
    "rabbitmq": ("SYNTHMILL_STACK_AMQP_PORT", (0, 10_000, 10_001)),
    "elasticsearch": ("SYNTHMILL_STACK_ELASTIC_PORT", (0, 100)),
    "minio": ("SYNTHMILL_STACK_MINIO_PORT", (0,)),
    "postgres": ("SYNTHMILL_STACK_POSTGRES_PORT", (0,)),
}
"""The variable that says where each listens, and which ports it takes counted from there."""


@dataclass(frozen=True, slots=True)
class Server:
    """One server with its data in `home`; it is installed already, as `make stack` leaves it."""

    name: str
    home: Path
    port: int

    def settings(self) -> Settings:
        """How a program reaches it."""
        return settings_from(variables(**self._environment()))

    def start(self) -> None:
        """Starts it, or starts it again on its old data; returns when it answers."""
        self._run("start")

    def stop(self) -> None:
        """Ends it if it runs."""
        self._run("stop")

    def runs(self) -> bool:
        """Whether all that was started is alive."""
        return all(map(_alive, self._groups()))

    def kill(self) -> None:
        """SIGKILL to the server and all that it started; it has to run."""
        assert self.runs(), f"{self.name} does not run"
        self.end()

    def end(self) -> None:
        """The same, whatever is left of it."""
        for group in self._groups():
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        until(lambda: not any(map(_alive, self._groups())), f"the end of {self.name}")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Takes its processor away: connections stay, nothing answers."""
        for group in self._groups():
            os.killpg(group, signal.SIGSTOP)
        try:
            yield
        finally:
            for group in self._groups():
                os.killpg(group, signal.SIGCONT)

    def _groups(self) -> list[int]:
        """Its process groups; each of the scripts' pid files names the leader of one."""
        return [int(file.read_text().split()[0]) for file in (self.home / "pids").iterdir()]

    def _environment(self) -> dict[str, str]:
        variable, _ = _PORTS[self.name]
        return {"SYNTHMILL_STACK_HOME": str(self.home), variable: str(self.port)}

    def _run(self, what: str) -> None:
        environment = {**os.environ, **self._environment()}
        done = subprocess.run([SCRIPTS / self.name, what], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@contextmanager
def own_server(name: str) -> Iterator[Server]:
    """A running server on free ports; it and its data go with the context."""
    home = Path(tempfile.mkdtemp(prefix=f"synthmill-{name}-"))
    home.chmod(0o755)  # Elasticsearch runs as another user
    server = Server(name, home, free_ports(_PORTS[name][1]))
    try:
        server.start()
        yield server
    finally:
        server.end()  # its data goes anyway
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def free_ports(offsets: tuple[int, ...]) -> int:
    """A number from which on the ports at these offsets are free."""
    while True:
        port = random.randrange(20_000, 30_000)
        if all(_is_free(port + offset) for offset in offsets):
            return port


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _alive(group: int) -> bool:
    """Whether a process of the group is still there, zombies aside."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == group and fields[0] not in "ZX":
                return True
    return False
