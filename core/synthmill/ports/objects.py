"""The object store: temporary files, by key."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What lies under a key; `size` in bytes, `sha256` in hex."""

    key: str
    size: int
    modified_at: datetime
    sha256: str | None = None


class ObjectStore(Protocol):
    """Keys are `/`-separated, relative, without `..`; anything else is a `BadKey`."""

    async def put(self, key: str, chunks: AsyncIterator[bytes], *, sha256: str | None = None) -> StoredObject:
        """Stores the stream and answers its size and sha256; nothing is visible before the last byte is durable.

        A stream that breaks, or whose checksum is not the given one (`ChecksumMismatch`), leaves nothing behind.
        """

    async def copy(self, source: str, key: str) -> StoredObject:
        """Stores what lies under `source` under `key` as well, without its bytes passing through here.

        Nothing is visible before all of it is there. The answer has no checksum; `ObjectMissing` when there is no
        source.
        """

    def open(self, key: str) -> AbstractAsyncContextManager[BinaryIO]:
        """A seekable binary file for reading; `ObjectMissing` when there is none."""

    async def read(self, key: str, start: int, size: int) -> bytes:
        """At most `size` bytes from `start` on, fewer only at the end; the rest of the object is not touched.

        `ObjectMissing` when there is none.
        """

    async def stat(self, key: str) -> StoredObject | None:
        """What lies under the key, without its checksum; None when there is nothing."""

    async def discard_unfinished(self, prefix: str, *, before: datetime, dry_run: bool = False) -> int:
        """Drops what writers left half sent below `prefix`, or under exactly this key; answers how many there were.

        Only what was begun before the moment goes, where the store cannot tell whether its writer still lives. With
        `dry_run` they are only counted.
        """

    async def delete_prefix(self, prefix: str) -> int:
        """Deletes all keys below `prefix` and answers how many there were."""

    def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """All objects below `prefix`, in key order, without their checksums."""

    async def presign(self, key: str, seconds: int) -> str:
        """A URL under which the object can be read for that long."""

    async def close(self) -> None:
        """Gives back what the adapter holds."""
