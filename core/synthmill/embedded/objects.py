"""The object store of the embedded profile: files in a folder.

`files/` holds what is stored, under its key; `partial/` what is being written. A file moves from one to the other
only when its last byte is durable, so a crash leaves nothing half-done to be seen.
"""

import asyncio
import errno
import fcntl
import hashlib
import os
import stat
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from synthmill.errors import BadKey, ChecksumMismatch, ObjectMissing, ObjectStoreUnavailable, StorageFull
from synthmill.object_keys import checked_key, checked_prefix
from synthmill.ports.objects import StoredObject

LIST_AT_A_TIME = 500
"""Entries that one trip to a thread lists."""

_COPY_BYTES = 1 << 20

MOVE_TRIES = 100
"""A prefix deleted at the same moment can take the new file's folder away; so often in a row it cannot."""


class DirectoryObjectStore:
    """An `ObjectStore` in the folder `path`, which is created when needed."""

    def __init__(self, path: Path) -> None:
        self._files = path.absolute() / "files"
        self._partial = path.absolute() / "partial"

    async def put(self, key: str, chunks: AsyncIterator[bytes], *, sha256: str | None = None) -> StoredObject:
        """See the port."""
        target = self._files / checked_key(key)
        partial = self._partial / uuid.uuid4().hex
        with _errors_told(key):
            file = await asyncio.to_thread(_create, partial)
        try:
            size, digest = await _write_all(file, chunks, key)
            if sha256 is not None and digest != sha256:
                raise ChecksumMismatch(f"{key}: received sha256 {digest}, announced {sha256}: send it again")
            with _errors_told(key):
                await asyncio.to_thread(_publish, file, partial, target, self._files)
                modified = await asyncio.to_thread(lambda: os.fstat(file.fileno()).st_mtime)
            return StoredObject(key, size, _moment(modified), digest)
        finally:
            await asyncio.to_thread(_discard, file, partial)

    async def copy(self, source: str, key: str) -> StoredObject:
        """See the port."""
        checked_key(source)
        target = self._files / checked_key(key)
        partial = self._partial / uuid.uuid4().hex
        async with self.open(source) as original:
            with _errors_told(key):
                file = await asyncio.to_thread(_create, partial)
            try:
                with _errors_told(key):
                    await asyncio.to_thread(_copy_all, original, file)
                    await asyncio.to_thread(_publish, file, partial, target, self._files)
                    status = await asyncio.to_thread(os.fstat, file.fileno())
                return StoredObject(key, status.st_size, _moment(status.st_mtime))
            finally:
                await asyncio.to_thread(_discard, file, partial)

    @asynccontextmanager
    async def open(self, key: str) -> AsyncIterator[BinaryIO]:
        """See the port; a file being read stays readable when it is deleted."""
        file = await asyncio.to_thread(_open_file, self._files / checked_key(key), key)
        try:
            yield file
        finally:
            await asyncio.to_thread(file.close)

    async def read(self, key: str, start: int, size: int) -> bytes:
        """See the port."""

        def part(file: BinaryIO) -> bytes:
            file.seek(start)
            return file.read(size)

        async with self.open(key) as file:
            return await asyncio.to_thread(part, file)

    async def stat(self, key: str) -> StoredObject | None:
        """See the port."""
        path = self._files / checked_key(key)
        with _errors_told(key):
            status = await asyncio.to_thread(_status, path)
        return None if status is None else StoredObject(key, status.st_size, _moment(status.st_mtime))

    async def discard_unfinished(self, prefix: str, *, before: datetime, dry_run: bool = False) -> int:
        """See the port; here a dead writer's file is known by its lock, whatever it was to become and whenever."""
        del prefix, before
        return await asyncio.to_thread(_discard_unowned, self._partial, dry_run=dry_run)

    async def delete_prefix(self, prefix: str) -> int:
        """See the port; folders left empty go as well. The root is no prefix to delete: `BadKey`."""
        folder = checked_prefix(prefix)
        if not folder:
            raise BadKey("deleting needs a prefix: an empty one would take everything")
        with _errors_told(prefix):
            return await asyncio.to_thread(_delete_below, self._files, folder)

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """See the port."""
        folder = checked_prefix(prefix)
        found = _walk(self._files / folder, f"{folder}/" if folder else "")
        while page := await asyncio.to_thread(lambda: list(islice(found, LIST_AT_A_TIME))):
            for stored in page:
                yield stored

    async def presign(self, key: str, seconds: int) -> str:
        """A `file://` URL; it works for as long as the file is there, whatever `seconds` says."""
        path = self._files / checked_key(key)
        if not await asyncio.to_thread(path.is_file):
            raise _missing(key)
        return path.as_uri()

    async def discard_broken_puts(self) -> int:
        """Removes what writers that died left in `partial/`; answers how many there were."""
        return await asyncio.to_thread(_discard_unowned, self._partial)

    async def close(self) -> None:
        """Nothing is held."""


async def _write_all(file: BinaryIO, chunks: AsyncIterator[bytes], key: str) -> tuple[int, str]:
    digest = hashlib.sha256()
    size = 0

    def add(chunk: bytes) -> None:
        digest.update(chunk)
        _write(file, chunk)

    async for chunk in chunks:
        with _errors_told(key):
            await asyncio.to_thread(add, chunk)
        size += len(chunk)
    return size, digest.hexdigest()


def _copy_all(source: BinaryIO, target: BinaryIO) -> None:
    while block := source.read(_COPY_BYTES):
        _write(target, block)


def _write(file: BinaryIO, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:  # a disk that fills up takes a part, and says so at the next try only
        rest = rest[file.write(rest) :]


def _create(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("xb", buffering=0)
    fcntl.flock(file, fcntl.LOCK_EX)  # tells `discard_broken_puts` that the writer lives
    return file


def _publish(file: BinaryIO, partial: Path, target: Path, root: Path) -> None:
    os.fsync(file.fileno())
    for _ in range(MOVE_TRIES):
        with suppress(FileNotFoundError):
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.replace(target)
            break
    else:
        raise ObjectStoreUnavailable(f"{target.parent} is deleted again and again: try later")
    folder = target.parent
    while True:
        with suppress(FileNotFoundError):
            _sync_folder(folder)
        if folder == root.parent:
            return
        folder = folder.parent


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _discard(file: BinaryIO, partial: Path) -> None:
    partial.unlink(missing_ok=True)
    file.close()


def _discard_unowned(folder: Path, *, dry_run: bool = False) -> int:
    discarded = 0
    for path in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not dry_run:
                path.unlink()
            discarded += 1
    return discarded


def _status(path: Path) -> os.stat_result | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _open_file(path: Path, key: str) -> BinaryIO:
    try:
        return path.open("rb")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise _missing(key) from None


def _walk(folder: Path, prefix: str) -> Iterator[StoredObject]:
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    # a folder sorts as what its keys start with, so that "a-b" comes before "a/b" as it does in a bucket
    named = ((entry.name + "/" if entry.is_dir(follow_symlinks=False) else entry.name, entry) for entry in entries)
    for name, entry in sorted(named, key=lambda pair: pair[0].encode()):
        if name.endswith("/"):
            yield from _walk(folder / entry.name, prefix + name)
            continue
        with suppress(FileNotFoundError):  # deleted since it was listed
            status = entry.stat(follow_symlinks=False)
            yield StoredObject(prefix + name, status.st_size, _moment(status.st_mtime))


def _delete_below(root: Path, folder: str) -> int:
    deleted = 0
    for path, _, names in os.walk(root / folder, topdown=False):
        for name in names:
            with suppress(FileNotFoundError):
                (Path(path) / name).unlink()
                deleted += 1
        _remove_empty(Path(path))
    for parent in (root / folder).relative_to(root).parents:
        if parent != Path():
            _remove_empty(root / parent)
    return deleted


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR}:
            raise


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _missing(key: str) -> ObjectMissing:
    return ObjectMissing(f"no object under {key}: it was never stored, or is deleted")


@contextmanager
def _errors_told(key: str) -> Iterator[None]:
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise BadKey(f"object key {key!r} runs through another object, or is a folder of others") from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StorageFull(f"no space left to store {key}: free some, then send it again") from error
        raise ObjectStoreUnavailable(f"storing {key} failed: {error}") from error
