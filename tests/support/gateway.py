"""Starts the gateway as its own process."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.wait import until

_KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway; closing `process.stdin` asks it to stop."""

    url: str
    process: "subprocess.Popen[bytes]"


@contextmanager
def start_gateway(folder: Path, *options: str, **environment: str) -> Iterator[Gateway]:
    """Start one on a free port, wait until it accepts, stop it at the end. Keys come from `environment` alone."""
    port_file = folder / "gateway.port"
    port_file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "synthmill_gateway", "--port", "0", "--port-file", str(port_file), "--watch-stdin"]
    inherited = {name: value for name, value in os.environ.items() if name not in _KEYS}
    process = subprocess.Popen([*command, *options], stdin=subprocess.PIPE, env={**inherited, **environment})
    try:
        until(lambda: port_file.exists() or process.poll() is not None, "the gateway's address")
        assert process.poll() is None, f"the gateway ended with {process.returncode}"
        yield Gateway(f"http://{port_file.read_text()}", process)
    finally:
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()
