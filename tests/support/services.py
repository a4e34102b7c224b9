"""One program of an installation as a process: started, killed and started again on the same port, its log kept."""

import json
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.support.wait import until

START_SECONDS = 90.0
STOP_SECONDS = 25.0
"""What every program promises after SIGTERM."""

_TAIL_LINES = 25


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Service:
    """`port` serves /healthz, /readyz and /metrics; `log` collects what all its processes wrote."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """A process on the old port; `until_ready` waits for it."""
        assert not self.running, f"{self.name} runs already"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(self.environment)
            )

    def kill(self) -> None:
        """SIGKILL; fails when there was nobody to be killed."""
        assert self.running, f"{self.name} had ended before it was killed:\n{self.tail()}"
        assert self.process is not None
        self.process.kill()
        assert self.process.wait() == -signal.SIGKILL

    def stop(self) -> int:
        """SIGTERM; answers the exit code, which has to come in time."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(STOP_SECONDS)

    def frozen(self, *, stand_still: bool) -> None:
        """Takes its processor away, or gives it back."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP if stand_still else signal.SIGCONT)

    def end(self) -> None:
        """Leaves nothing of it behind, whatever state it is in."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def ready(self) -> bool:
        """Whether it says that it can do its work."""
        assert self.running, f"{self.name} ended:\n{self.tail()}"
        try:
            return httpx.get(f"{self.url}/readyz", timeout=10).status_code == 200
        except httpx.TransportError:
            return False

    def until_ready(self) -> None:
        """Waits for that."""
        until(self.ready, f"{self.name} to be ready", seconds=START_SECONDS)

    def metrics(self) -> dict[str, float]:
        """Its metrics now, each by name and labels, as they stand in the text."""
        text = httpx.get(f"{self.url}/metrics", timeout=10).raise_for_status().text
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, value in lines}

    def total(self, metric: str) -> float:
        """The sum of a metric over its labels; fails when there is none of that name."""
        values = [value for name, value in self.metrics().items() if name.partition("{")[0] == metric]
        assert values, f"{self.name} has no metric {metric}"
        return sum(values)

    def peak_kib(self) -> int:
        """The largest resident size of the running process so far."""
        (line,) = (
            line for line in Path(f"/proc/{self.pid}/status").read_text().splitlines() if line.startswith("VmHWM")
        )
        return int(line.split()[1])

    def logged(self) -> list[dict[str, Any]]:
        """Its log up to the last whole line; what is no JSON in it fails the test."""
        text = self.log.read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def tail(self) -> str:
        """The last lines of its log, those left out that say that a request went well."""
        if not self.log.exists():
            return ""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if '"status": 200' not in line]
        return "\n".join(lines[-_TAIL_LINES:])
