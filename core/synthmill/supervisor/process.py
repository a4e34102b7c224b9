"""One service as a child process: its log, its restarts, its end."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from synthmill.errors import StorageFull, SynthmillError
from synthmill.settings import Profile, Settings

STOP_SECONDS = 28.0  # services drain within 25 s
_LIVES = 3  # starts within _LIVES_SECONDS before a service counts as broken
_LIVES_SECONDS = 60.0
_FINAL_EXITS = frozenset({2, StorageFull.exit_code})  # a user's error or a full disk: starting again cannot help
_NO_SPACE = "there is no space left on the disk; free some, nothing that was stored is lost"


class ServiceFailed(SynthmillError):
    """A service ended for good; the text has its last error."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code  # type: ignore[misc]


class ServiceProcess:
    """`python -m module …` under supervision."""

    def __init__(self, name: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._arguments = arguments
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    async def run(self) -> ServiceFailed:
        """Keeps the service alive; returns only when it cannot be."""
        deaths: list[float] = []
        while True:
            code = await self._one_life()
            if self._stopping:
                await asyncio.Event().wait()  # `stop` is under way; our caller cancels us
            deaths = [moment for moment in deaths if time.monotonic() - moment < _LIVES_SECONDS]
            deaths.append(time.monotonic())
            if code in _FINAL_EXITS or len(deaths) >= _LIVES:
                return ServiceFailed(self._obituary(code), code if code in _FINAL_EXITS else 1)

    async def stop(self) -> None:
        """Lets it drain and does not start it again."""
        self._stopping = True
        if self._process is not None:
            await stop(self._process)

    async def _one_life(self) -> int:
        self._process = await start(self._arguments, self._environment, self.log)
        return await self._process.wait()

    def _obituary(self, code: int) -> str:
        # on a full disk the log's last line may be missing too, so the exit code has to speak
        reason = _NO_SPACE if code == StorageFull.exit_code else last_error(self.log)
        return f"the {self.name} ended with exit code {code}: {reason} (log: {self.log})"


def environment_of(settings: Settings) -> dict[str, str]:
    """What tells a child where to work; whatever profile is set outside, it is the folder's."""
    return {"SYNTHMILL_HOME": str(settings.home.resolve()), "SYNTHMILL_PROFILE": Profile.EMBEDDED.value}


async def start(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> asyncio.subprocess.Process:
    """Starts Python with a stdin that ends when this process does, and its output appended to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=output,
            env={**_own_environment(), **environment},
            start_new_session=True,  # Ctrl-C reaches us alone; we decide how they stop
        )


async def stop(process: asyncio.subprocess.Process) -> None:
    """Asks a process to drain, waits, and kills it only if it does not end."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


def last_error(log: Path) -> str:
    """The last error line of a service's log, in words."""
    with suppress(OSError):
        for line in reversed(log.read_text(errors="replace").splitlines()[-200:]):
            message = _message(line)
            if message is not None:
                return message
    return "it said nothing"


def _message(line: str) -> str | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return line.strip() or None
    if isinstance(entry, dict) and str(entry.get("level", "")).lower() in {"error", "critical"}:
        return str(entry.get("message"))
    return None


def _own_environment() -> dict[str, str]:
    """Ours, but with bytecode written: without it every start of a service compiles its imports anew."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
