"""The whole native stack in a folder and on ports of a test's own, up and down by its scripts."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.native import SCRIPTS, variables
from tests.support.servers import free_ports

OFFSETS = {
    "AMQP": 0,
    "ELASTIC": 1,
    "MINIO": 2,
    "POSTGRES": 3,
    "PREFECT": 4,
    "GATEWAY": 5,
    "API": 6,
    "WORKER": 7,
    "CONSUMER": 9,
    "FLOWS": 11,
}
FURTHER = (8, 10, 101, 10_000, 10_001)  # the second of each service, and what Elasticsearch and RabbitMQ take


class Stack:
    """A stack in a folder and on ports of its own, with two workers and two consumers."""

    def __init__(self, home: Path, **environment: str) -> None:
        base = free_ports((*OFFSETS.values(), *FURTHER))
        ports = {f"SYNTHMILL_STACK_{name}_PORT": str(base + offset) for name, offset in OFFSETS.items()}
        self.home = home
        self.settings = {"SYNTHMILL_STACK_HOME": str(home), "WORKERS": "2", "CONSUMERS": "2", **ports, **environment}

    def run(self, *arguments: str) -> str:
        """What the command says; it has to end well."""
        command = [SCRIPTS / "stack", *arguments]
        environment = {**os.environ, **self.settings}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def pids(self) -> dict[str, int]:
        """What runs, by name."""
        return {file.name: int(file.read_text().split()[0]) for file in (self.home / "pids").iterdir()}

    def told(self) -> dict[str, str]:
        """What a client is told."""
        return variables(**self.settings)

    def api_key(self) -> str:
        """A key as the README has one made."""
        command = [sys.executable, "-m", "synthmill", "keys", "create", "--scopes", "all", "--name", "admin"]
        environment = {**os.environ, **self.told()}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def native_stack(**environment: str) -> Iterator[Stack]:
    """One that is up; nothing of it is left."""
    with tempfile.TemporaryDirectory(prefix="synthmill-stack-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        home.chmod(0o755)  # Elasticsearch and PostgreSQL run as another user
        stack = Stack(home, **environment)
        try:
            stack.run("up")
            yield stack
        finally:
            stack.run("down")
