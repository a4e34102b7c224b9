"""Saves a stream of bytes into a file, which appears when it is whole, or writes it to stdout."""

import asyncio
import hashlib
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from synthmill.errors import UserError

STDOUT = Path("-")


@dataclass(frozen=True, slots=True)
class Saved:
    """What was written: bytes, and their sha256 in hex."""

    size: int
    sha256: str


async def save(chunks: AsyncIterator[bytes], path: Path) -> Saved:
    """Writes all chunks; `UserError` when the file cannot be written, which then is as it was."""
    if path == STDOUT:
        saved = await _write(chunks, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return saved
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("xb") as file:
            saved = await _write(chunks, file)
        partial.replace(path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}; choose another --output") from error
    finally:
        partial.unlink(missing_ok=True)
    return saved


async def _write(chunks: AsyncIterator[bytes], file: BinaryIO) -> Saved:
    digest, size = hashlib.sha256(), 0
    async for chunk in chunks:
        await asyncio.to_thread(file.write, chunk)
        digest.update(chunk)
        size += len(chunk)
    return Saved(size, digest.hexdigest())
