"""The `synthmill` program as a user runs it: as a process, in a home folder of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STOP_SECONDS = 60


@dataclass
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def summary(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        summary: dict[str, Any] = json.loads(self.out)
        return summary


@dataclass
class Program:
    """Runs commands with `home` as SYNTHMILL_HOME."""

    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, *arguments: str | Path, timeout: float = 240) -> Result:
        """Runs a command to its end."""
        with self.started(*arguments) as process:
            out, err = process.communicate(timeout=timeout)
        return Result(process.returncode, out, err)

    @contextmanager
    def started(self, *arguments: str | Path, terminal: int | None = None) -> Iterator["subprocess.Popen[str]"]:
        """A command under way; at the end nothing of it is left running. `terminal`: a file for both its outputs."""
        process = subprocess.Popen(
            [sys.executable, "-m", "synthmill", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=terminal or subprocess.PIPE,
            stderr=terminal or subprocess.PIPE,
            text=True,
            cwd=self.home.parent,
            env=self._environment(),
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            self.kill_all()
            process.wait(STOP_SECONDS)
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()

    def pids(self) -> list[int]:
        """Every process that works in this home folder, whoever started it."""
        mark = f"SYNTHMILL_HOME={self.home}\0".encode()
        return [pid for pid in _all_pids() if mark in _environ(pid)]

    def kill_all(self) -> list[int]:
        """SIGKILL to all of them, until none is left; answers whom it met."""
        killed: list[int] = []
        while pids := self.pids():
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            killed += pids
        return killed

    def _environment(self) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        return {**inherited, "SYNTHMILL_HOME": str(self.home), **self.environment}


def _all_pids() -> Sequence[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _environ(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes() + b"\0"
    return b""
