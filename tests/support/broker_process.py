"""A process that publishes or consumes, to be killed: `python -m tests.support.broker_process ADAPTER LOCATION WHAT …`.

publish QUEUE PREFIX COUNT   one message after the other; prints each id when it is confirmed
hold QUEUE PREFETCH          begins every delivery, prints it and never settles it
work QUEUE PREFETCH          prints and acknowledges every delivery, until a line comes in on stdin
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from synthmill.ports.broker import Broker, Message, Queue, Settlement
from tests.support.ports import At
from tests.support.repository import ROOT


async def publish(broker: Broker, queue: Queue, prefix: str, count: int) -> None:
    """Says of each message that it is confirmed, and only then sends the next."""
    for number in range(count):
        id_ = f"{prefix}{number}"
        await broker.publish(queue, [Message(id_, id_.encode())])
        _say(id=id_)


async def hold(broker: Broker, queue: Queue, prefetch: int) -> None:
    """Keeps what it gets."""
    async with broker.consume(queue, prefetch=prefetch) as consumption:
        async for delivery in consumption:
            starts = await consumption.started(delivery)
            _say(id=delivery.message.message_id, redelivered=delivery.redelivered, started=starts)


async def work(broker: Broker, queue: Queue, prefetch: int) -> None:
    """Acknowledges what it gets."""
    async with broker.consume(queue, prefetch=prefetch) as consumption:
        stopping = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
        stopping.add_done_callback(lambda _: consumption.stop())
        async for delivery in consumption:
            _say(id=delivery.message.message_id)
            await consumption.settle(delivery, Settlement.ACK)


def _say(**line: object) -> None:
    print(json.dumps(line), flush=True)


class BrokerProcess:
    """The other side's view of such a process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self) -> dict[str, Any]:
        """What it says next; `EOFError` when it has ended."""
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line:
            raise EOFError
        said: dict[str, Any] = json.loads(line)
        return said

    async def rest(self) -> list[dict[str, Any]]:
        """All that it still says."""
        said = []
        try:
            while True:
                said.append(await self.line())
        except EOFError:
            return said

    async def kill(self) -> None:
        """Ends it by SIGKILL."""
        self.process.kill()
        await self.process.wait()

    def stop(self) -> None:
        """Asks a `work` process to end."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")


@asynccontextmanager
async def broker_process(at: At, *arguments: str | int) -> AsyncIterator[BrokerProcess]:
    """Starts such a process; it does not outlive the context."""
    command = [sys.executable, "-m", __name__, at.adapter, at.location, *map(str, arguments)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, cwd=ROOT)
    try:
        yield BrokerProcess(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        # the transport closes its pipes in a callback of its own; without it they are reported as leaks
        process._transport.close()  # type: ignore[attr-defined]


async def main(adapter: str, location: str, what: str, queue: str, *arguments: str) -> None:
    """Does what the module says."""
    async with At(adapter, location).broker() as broker:
        match what:
            case "publish":
                await publish(broker, Queue(queue), arguments[0], int(arguments[1]))
            case "hold":
                await hold(broker, Queue(queue), int(arguments[0]))
            case _:
                await work(broker, Queue(queue), int(arguments[0]))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
