"""Starts a look at a stored file and hands its child the bytes that it asks for, up to a limit."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from dataclasses import asdict
from weakref import WeakKeyDictionary

from synthmill.errors import InputUnusable
from synthmill.inputs.look.child import Wanted
from synthmill.inputs.look.found import Found
from synthmill.inputs.look.remote import answer
from synthmill.ports.objects import ObjectStore

MOST_BYTES = 64 << 20
"""Of the file that one look may read: a table needs some kilobytes, the pages of a wide Parquet file megabytes."""

_SECONDS = 15.0
_MOST_LINE_BYTES = 16 << 20
_AT_ONCE = 2
"""A child has up to half a gigabyte; whoever comes while two are looking waits."""

_KEPT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "HOME", "TMPDIR", "LANG", "LC_ALL")
"""Variables that the child gets: it reads what strangers sent, so it is told no key and no address."""

_turns: "WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]" = WeakKeyDictionary()


async def look(objects: ObjectStore, key: str, wanted: Wanted) -> Found:
    """What the beginning of the object holds; `InputUnusable` when it cannot be read, or not within the limits."""
    async with _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE)):
        child = await _started()
        try:
            async with asyncio.timeout(_SECONDS):
                return await _served(child, objects, key, wanted)
        except TimeoutError as error:
            raise InputUnusable(f"{wanted.name}: reading its first rows took more than {_SECONDS:.0f} s") from error
        finally:
            with suppress(ProcessLookupError):
                child.kill()
            await child.communicate()


async def _started() -> Process:
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    command = (sys.executable, "-m", "synthmill.inputs.look.child")
    return await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment, limit=_MOST_LINE_BYTES
    )


async def _served(child: Process, objects: ObjectStore, key: str, wanted: Wanted) -> Found:
    assert child.stdin is not None
    assert child.stdout is not None
    given, line = 0, json.dumps(asdict(wanted)).encode() + b"\n"
    while True:
        with suppress(ConnectionError):  # a child that died is seen by the end of what it says
            child.stdin.write(line)
            await child.stdin.drain()
        try:
            said = json.loads(await child.stdout.readline())
        except ValueError as error:
            raise InputUnusable(f"{wanted.name}: its first rows cannot be read within the limits of a look") from error
        if "read" not in said:
            return _told(said, wanted)
        start, size = said["read"]
        given += size
        if given > MOST_BYTES:
            raise InputUnusable(f"{wanted.name}: its first rows do not end within {MOST_BYTES >> 20} MiB")
        line = answer(await objects.read(key, start, size))


def _told(said: dict[str, object], wanted: Wanted) -> Found:
    if "found" in said:
        return Found.model_validate(said["found"])
    raise InputUnusable(f"{wanted.name}: {said['refused']}")
