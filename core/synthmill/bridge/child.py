"""The consumer as a child process: lines in, lines out; the only file that starts `synthmill-consumer`."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from synthmill.errors import UserError
from synthmill.settings import Settings

MAX_LINE_BYTES = 32 << 20
_DRAIN_SECONDS = 25.0  # the consumer lets calls in flight end for 20 s, then aborts them
_BUILT = Path(__file__).parents[3] / "consumer" / "target" / "release" / "synthmill-consumer"


class ConsumerMissing(UserError):
    """The Rust program is not built or not on the path."""


def find_program(settings: Settings) -> str:
    """The consumer's path: the setting, a build in this checkout, beside this Python, or on PATH."""
    named = settings.consumer.program
    if named is not None:
        return named
    for candidate in (_BUILT, Path(sys.executable).with_name("synthmill-consumer")):
        if candidate.is_file():
            return str(candidate)
    found = shutil.which("synthmill-consumer")
    if found is None:
        raise ConsumerMissing("synthmill-consumer is not built: run `make setup`, or set SYNTHMILL_CONSUMER__PROGRAM")
    return found


class Child:
    """A running consumer."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("the child needs pipes for its input and output")
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout

    async def send(self, line: bytes) -> None:
        """Writes a line; waits while the child reads slowly. A child that is gone shows in `lines`, not here."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self._stdin.write(line + b"\n")
            await self._stdin.drain()

    async def lines(self) -> AsyncIterator[bytes]:
        """What the child writes, until it ends."""
        while line := await self._stdout.readline():
            yield line

    def drain(self) -> None:
        """Asks the child to end what is in flight and begin nothing."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it now."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def ended(self) -> int:
        """Waits for its end and answers its exit code; a child that does not end is killed.

        Its input stays open until then: what it still offers while it drains wants a verdict.
        """
        try:
            return await asyncio.wait_for(self._process.wait(), _DRAIN_SECONDS)
        except TimeoutError:
            self.kill()
            return await self._process.wait()
        finally:
            self._stdin.close()


@asynccontextmanager
async def running_child(settings: Settings) -> AsyncIterator[Child]:
    """A consumer that asks for a verdict on each record it offers; dead when the context ends."""
    arguments = ["--stdio", "--admission", "ask", "--concurrency", str(settings.consumer.concurrency)]
    process = await asyncio.create_subprocess_exec(
        find_program(settings),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=MAX_LINE_BYTES,
        env=_environment(settings),
    )
    child = Child(process)
    try:
        yield child
    finally:
        child.kill()  # after an orderly end this meets nobody; else nobody would write down what it still says
        await child.ended()


def _environment(settings: Settings) -> Mapping[str, str]:
    environment = dict(os.environ)
    # The port is taken by the process that starts it.
    environment.pop("SYNTHMILL_MONITORING__PORT", None)
    if settings.gateway.url is not None:
        environment["SYNTHMILL_GATEWAY__URL"] = str(settings.gateway.url)
    # Twice what we ever have inside, so that the consumer never stops reading in front of a verdict.
    environment["SYNTHMILL_CONSUMER__PREFETCH"] = str(2 * settings.consumer.prefetch)
    environment["SYNTHMILL_CONSUMER__UNREACHABLE_SECONDS"] = str(settings.consumer.unreachable_seconds)
    return environment
