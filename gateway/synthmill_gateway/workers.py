"""Several gateways on one port, each a process of its own.

LiteLLM takes about 2.5 ms of CPU a call, so one process passes some 300 calls a second, however many cores there are.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from synthmill.errors import UserError
from synthmill.lifecycle import stop_on_signals
from synthmill.monitoring.metrics import SHARED_FOLDER_VARIABLE, forget_process
from synthmill.serving.listening import announce, hold
from synthmill_gateway.config import GatewayConfig

_POLL_SECONDS = 0.02
_KILL_AFTER_SECONDS = 5.0  # on top of the time in which calls in hand may finish

_log = logging.getLogger(__name__)


class Workers:
    """`count` copies of this program that share a port by SO_REUSEPORT; the kernel spreads connections over them.

    They read a copy of the file, which changes only when a new one was found usable: so they agree, and one that is
    started again later never meets a file with faults.
    """

    def __init__(self, count: int, address: tuple[str, int], config: GatewayConfig, state: Path) -> None:
        self._count = count
        self._config = config
        self._state = state
        self._held = hold(*address)
        self.host, self.port = self._held.getsockname()[:2]
        self._stop = asyncio.Event()
        self._code = 0
        self._running: dict[int, tuple[asyncio.subprocess.Process, Path]] = {}
        self._folder = Path()
        self._reloading: asyncio.Task[None] | None = None

    async def run(self, port_file: Path | None, *, watch_stdin: bool) -> int:
        """Start them, tell the port once all accept, run until stopped; answers the exit code."""
        async with stop_on_signals(self._stop.set, watch_stdin=watch_stdin):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hang_up)
            with tempfile.TemporaryDirectory(prefix="synthmill-gateway-") as folder:
                self._folder = Path(folder)
                await self._run_all(port_file)
        return self._code

    async def _run_all(self, port_file: Path | None) -> None:
        if self._config.file is not None:
            self._copy.write_bytes(self._config.file.read_bytes())
        self._numbers.mkdir()
        files = [self._folder / str(seat) for seat in range(self._count)]
        keepers = [asyncio.create_task(self._keep(seat, file)) for seat, file in enumerate(files)]
        await self._accepting(files)
        if port_file is not None and not self._stop.is_set():
            announce(port_file, self.host, self.port)
        await asyncio.gather(*keepers)

    @property
    def _numbers(self) -> Path:
        """Where the workers put what they count, so that any of them can tell of all."""
        return self._folder / "metrics"

    @property
    def _copy(self) -> Path:
        return self._folder / "gateway.yaml"

    def _hang_up(self) -> None:
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.create_task(self._reload())

    async def _reload(self) -> None:
        """Takes the file over if it can be used, and has every worker read it."""
        if self._config.file is None:
            _log.warning("SIGHUP: there is no file to read again")
            return
        candidate = self._folder / "candidate.yaml"
        try:
            candidate.write_bytes(self._config.file.read_bytes())
        except OSError as error:
            _log.error("%s is not taken over: %s", self._config.file, error)
            return
        command = [sys.executable, "-m", "synthmill_gateway", "--check", "--config", str(candidate)]
        pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        check = await asyncio.create_subprocess_exec(*command, stdout=nowhere, stderr=pipe)
        _, told = await check.communicate()
        if check.returncode != 0:
            faults = told.decode().strip().replace(str(candidate), str(self._config.file))
            _log.error("%s is not taken over, what was read before stays: %s", self._config.file, faults)
            return
        candidate.replace(self._copy)
        for process, port_file in list(self._running.values()):
            await self._accepting([port_file])  # before that a signal would end it
            if process.returncode is None:
                process.send_signal(signal.SIGHUP)

    async def _accepting(self, files: Sequence[Path]) -> None:
        while not self._stop.is_set() and not all(file.exists() for file in files):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), _POLL_SECONDS)

    async def _keep(self, seat: int, port_file: Path) -> None:
        """One worker, started again when it dies, until all are to stop."""
        while not self._stop.is_set():
            port_file.unlink(missing_ok=True)
            command = self._command(seat, port_file)
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.PIPE, env={**os.environ, SHARED_FOLDER_VARIABLE: str(self._numbers)}
            )
            self._running[seat] = process, port_file
            ended = asyncio.create_task(process.wait())
            stopped = asyncio.create_task(self._stop.wait())
            await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if self._stop.is_set():
                await self._end(process)
            else:
                self._judge(process, port_file)

    def _judge(self, process: asyncio.subprocess.Process, port_file: Path) -> None:
        """One that never accepted, or that a setting stopped, would end again: then the whole gateway ends."""
        _log.error("worker %s ended with %s", process.pid, process.returncode)
        forget_process(process.pid, self._numbers)
        if process.returncode == UserError.exit_code or not port_file.exists():
            self._code = process.returncode if process.returncode == UserError.exit_code else 1
            self._stop.set()

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), self._config.drain_seconds + _KILL_AFTER_SECONDS)
        except TimeoutError:
            _log.error("worker %s did not stop and is killed", process.pid)
            process.kill()
            await process.wait()

    def _command(self, seat: int, port_file: Path) -> list[str]:
        address = ["--host", self.host, "--port", str(self.port), "--port-file", str(port_file)]
        shared = ["--reuse-port", "--state", str(self._state), "--seat", str(seat)]
        file = [] if self._config.file is None else ["--config", str(self._copy)]
        return [sys.executable, "-m", "synthmill_gateway", *address, *shared, *file, "--watch-stdin"]
