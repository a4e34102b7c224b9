"""Starts the API as its own process."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.wait import until


@dataclass(frozen=True, slots=True)
class ApiProcess:
    """A running API; closing `process.stdin` asks it to stop."""

    url: str
    process: "subprocess.Popen[bytes]"


@contextmanager
def start_api(home: Path, *options: str, **environment: str) -> Iterator[ApiProcess]:
    """Starts one on a free port, waits until it accepts, stops it at the end; several may share a home."""
    home.mkdir(parents=True, exist_ok=True)
    port_file = home / f"api-{secrets.token_hex(4)}.address"
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(
        [sys.executable, "-m", "synthmill", "api", "--port=0", f"--port-file={port_file}", "--watch-stdin", *options],
        stdin=subprocess.PIPE,
        env={**inherited, "SYNTHMILL_HOME": str(home), **environment},
    )
    try:
        until(lambda: port_file.exists() or process.poll() is not None, "the API to listen")
        assert process.poll() is None, "it ended; its stderr says why"
        yield ApiProcess(f"http://{port_file.read_text()}", process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()
