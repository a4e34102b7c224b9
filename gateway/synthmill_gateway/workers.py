"""Several gateways on one port, each a process of its own.

LiteLLM takes about 2.5 ms of CPU a call, so one process passes some 300 calls a second, however many cores there are.
"""

import asyncio
import contextlib
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from synthmill.lifecycle import stop_on_signals
from synthmill.serving.listening import announce, hold

_POLL_SECONDS = 0.02
_KILL_AFTER_SECONDS = 5.0  # on top of the time in which calls in hand may finish

_log = logging.getLogger(__name__)


class Workers:
    """`count` copies of this program that share a port by SO_REUSEPORT; the kernel spreads connections over them."""

    def __init__(self, count: int, host: str, port: int, drain_seconds: int) -> None:
        self._count = count
        self._drain = drain_seconds
        self._held = hold(host, port)
        self.host, self.port = self._held.getsockname()[:2]
        self._stop = asyncio.Event()
        self._failed = False

    async def run(self, port_file: Path | None, *, watch_stdin: bool) -> int:
        """Start them, tell the port once all accept, run until stopped; answers the exit code."""
        async with stop_on_signals(self._stop.set, watch_stdin=watch_stdin):
            await self._run_all(port_file)
        return 1 if self._failed else 0

    async def _run_all(self, port_file: Path | None) -> None:
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / str(number) for number in range(self._count)]
            keepers = [asyncio.create_task(self._keep(file)) for file in files]
            await self._accepting(files)
            if port_file is not None and not self._stop.is_set():
                announce(port_file, self.host, self.port)
            await asyncio.gather(*keepers)

    async def _accepting(self, files: Sequence[Path]) -> None:
        while not self._stop.is_set() and not all(file.exists() for file in files):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), _POLL_SECONDS)

    async def _keep(self, port_file: Path) -> None:
        """One worker, started again when it dies, until all are to stop."""
        while not self._stop.is_set():
            port_file.unlink(missing_ok=True)
            process = await asyncio.create_subprocess_exec(*self._command(port_file), stdin=asyncio.subprocess.PIPE)
            ended = asyncio.create_task(process.wait())
            stopped = asyncio.create_task(self._stop.wait())
            await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if self._stop.is_set():
                await self._end(process)
            else:
                self._judge(process, port_file)

    def _judge(self, process: asyncio.subprocess.Process, port_file: Path) -> None:
        """One that never accepted would fail again: then the whole gateway ends."""
        _log.error("worker %s ended with %s", process.pid, process.returncode)
        if not port_file.exists():
            self._failed = True
            self._stop.set()

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), self._drain + _KILL_AFTER_SECONDS)
        except TimeoutError:
            _log.error("worker %s did not stop and is killed", process.pid)
            process.kill()
            await process.wait()

    def _command(self, port_file: Path) -> list[str]:
        address = ["--host", self.host, "--port", str(self.port), "--port-file", str(port_file)]
        return [sys.executable, "-m", "synthmill_gateway", *address, "--reuse-port", "--watch-stdin"]
