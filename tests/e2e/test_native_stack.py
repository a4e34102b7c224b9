"""`make stack` as an operator uses it: everything up, a job through all of it, up again, down to the last process."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.native import SCRIPTS, variables
from tests.support.on_stack import ON_STACK
from tests.support.servers import free_ports
from tests.support.stack_jobs import recipe, rows

pytestmark = [*ON_STACK, pytest.mark.e2e]
ROWS = 60
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

    def __init__(self, home: Path) -> None:
        base = free_ports((*OFFSETS.values(), *FURTHER))
        ports = {f"SYNTHMILL_STACK_{name}_PORT": str(base + offset) for name, offset in OFFSETS.items()}
        self.home = home
        self.settings = {"SYNTHMILL_STACK_HOME": str(home), "WORKERS": "2", "CONSUMERS": "2", **ports}

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


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="synthmill-stack-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        home.chmod(0o755)  # Elasticsearch and PostgreSQL run as another user
        stack = Stack(home)
        try:
            stack.run("up")
            yield stack
        finally:
            stack.run("down")


def api_key(told: dict[str, str]) -> str:
    """A key as the README has one made."""
    command = [sys.executable, "-m", "synthmill", "keys", "create", "--scopes", "all", "--name", "admin"]
    environment = {**os.environ, **told}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_everything_is_healthy_and_told_with_its_address(stack: Stack) -> None:
    lines = [line.split() for line in stack.run("status").splitlines()]
    assert {name: word for name, word, _ in lines} == dict.fromkeys(set(stack.pids()) - {"epmd"}, "healthy")
    assert len(lines) == 12


def test_a_file_becomes_records_through_all_of_it(stack: Stack) -> None:
    told = stack.told()
    with closing(Client(told["SYNTHMILL_API_URL"], api_key(told))) as client:
        source = client.upload("products.csv", rows(ROWS))
        job = client.order(recipe(model={"route": "offline/fake-1"}, target={"records": ROWS}), source)
        client.completed(job, ROWS)
        assert sorted(record["slot"] for record in client.records(job)) == list(range(ROWS))


def test_a_second_time_changes_nothing(stack: Stack) -> None:
    before = stack.pids()
    said = stack.run("up")
    assert stack.pids() == before
    assert said.count("runs already") == len(before) - 1  # epmd is RabbitMQ's


def test_secrets_are_on_no_command_line_and_in_no_log(stack: Stack) -> None:
    secrets = [line.split("=", 1)[1] for line in (stack.home / "secrets.env").read_text().splitlines()]
    texts = [Path(f"/proc/{pid}/cmdline").read_text() for pid in stack.pids().values()]
    texts += [log.read_text(errors="replace") for log in (stack.home / "logs").iterdir()]
    assert not [secret for secret in secrets if any(secret in text for text in texts)]


def test_one_can_be_stopped_and_started_by_name(stack: Stack) -> None:
    before = stack.pids()
    stack.run("down", "worker-2")
    assert set(before) - set(stack.pids()) == {"worker-2"}
    stack.run("up", "worker-2")
    changed = {name for name, pid in stack.pids().items() if before[name] != pid}
    assert changed == {"worker-2"}


def test_down_ends_all_that_it_started(stack: Stack) -> None:
    before = stack.pids()
    said = stack.run("down")
    assert stack.pids() == {}
    assert not [name for name, pid in before.items() if alive(pid)]
    assert "killed" not in said  # each ended by itself, in time
