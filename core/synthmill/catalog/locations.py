"""Places that a recurring run reads again and again: a folder, a prefix in the bucket, or the newest upload of a name.

A file's name below the place is its lasting name as a source: seeds of the same name and key are the same seeds.
"""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from enum import StrEnum
from pathlib import Path

from synthmill.catalog.sources import find_source, source_file
from synthmill.errors import InputUnusable
from synthmill.jobs.files import ROOT
from synthmill.jobs.order import InputFile, input_file
from synthmill.services import Services

MOST_FILES = 1_000

_READ_BYTES = 1 << 20


class LocationKind(StrEnum):
    """What a location names."""

    FOLDER = "folder"  # on the machine where the run works, with all below it
    PREFIX = "prefix"  # in the installation's bucket
    UPLOAD = "upload"  # the newest source of that name


async def files_at(services: Services, tenant: str, kind: LocationKind, location: str) -> list[InputFile]:
    """The files there, by name; `InputUnusable` when there are none, or too many."""
    match kind:
        case LocationKind.FOLDER:
            files = await asyncio.to_thread(_in_folder, Path(location))
        case LocationKind.PREFIX:
            files = await _below(services, location)
        case LocationKind.UPLOAD:
            source = await find_source(services.store, tenant, location)
            files = [] if source is None else [source_file(services, source)]
    if not files:
        raise InputUnusable(f"there is no file at {kind} {location!r}: nothing is read, and nothing counts as vanished")
    if len(files) > MOST_FILES:
        raise InputUnusable(f"{kind} {location!r} holds more than {MOST_FILES} files: join them, or name a part of it")
    return files


def _in_folder(folder: Path) -> list[InputFile]:
    """What begins with a dot is not looked at: files on their way, and those of other programs."""
    if not folder.is_dir():
        raise InputUnusable(f"{folder} is no folder on this machine")
    names = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
    shown = [name for name in names if not any(part.startswith(".") for part in name.parts)]
    return [dataclasses.replace(input_file(folder / name), name=name.as_posix()) for name in shown[: MOST_FILES + 1]]


async def _below(services: Services, prefix: str) -> list[InputFile]:
    if prefix.startswith(ROOT) or ROOT.startswith(prefix):
        raise InputUnusable(f"prefix {prefix!r} holds our own temporary files: name another")
    files: list[InputFile] = []
    async for found in services.objects.list(prefix):
        if found.size and len(files) <= MOST_FILES:
            name = found.key.removeprefix(prefix).lstrip("/") or found.key.rpartition("/")[2]
            files.append(_object(services, found.key, name))
    return files


def _object(services: Services, key: str, name: str) -> InputFile:
    async def read() -> AsyncIterator[bytes]:
        async with services.objects.open(key) as file:
            while block := await asyncio.to_thread(file.read, _READ_BYTES):
                yield block

    return InputFile(name, read)
