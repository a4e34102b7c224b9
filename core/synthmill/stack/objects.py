"""The object store of the stack profile: a bucket of MinIO, or of anything that speaks S3.

Its calls block, so each runs in a thread. A large object is sent in parts and becomes visible when the last call joins
them; a small one is a single request. Either way the server checks the sha256 of each request's body, and nothing is
there before the stream has ended well.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import BinaryIO, cast

from minio import Minio
from minio.commonconfig import CopySource
from minio.datatypes import Object
from minio.deleteobjects import DeleteObject
from minio.error import S3Error

from synthmill.errors import BadKey, ChecksumMismatch, ObjectMissing, ObjectStoreUnavailable, UserError
from synthmill.object_keys import checked_key, checked_prefix
from synthmill.ports.objects import StoredObject
from synthmill.settings import MinioSettings
from synthmill.stack.lifecycle import with_our_rule
from synthmill.stack.object_client import http_pool, open_client, signing_client
from synthmill.stack.object_errors import errors_told
from synthmill.stack.unfinished import discard_unfinished, find_unfinished
from synthmill.stack.uploads import ChunkReader

PART_BYTES = 8 << 20
"""Memory of one upload is about twice that; S3 takes 10,000 parts, so an object may have 80 GB."""

SPOOL_BYTES = 8 << 20
"""A file that is read stays in memory up to this size, beyond it lies on the local disk."""

LIST_AT_A_TIME = 500
DELETE_AT_A_TIME = 1_000  # the most that one S3 request may name
MAX_PRESIGN_SECONDS = 7 * 24 * 3600

_BEHIND_THE_END = "InvalidRange"
_TAKEN = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}


class MinioObjectStore:
    """An `ObjectStore` in one bucket; `prepare` makes the bucket."""

    def __init__(self, settings: MinioSettings) -> None:
        self.bucket = settings.bucket
        self._http = http_pool(settings)
        self.client = open_client(settings, self._http)
        self._signing = signing_client(settings, self.client)

    async def prepare(self) -> None:
        """Creates the bucket and its clean-up rule if they are missing; doing it again changes nothing."""
        with errors_told(f"bucket {self.bucket}"):
            await asyncio.to_thread(_prepare, self.client, self.bucket)

    async def put(self, key: str, chunks: AsyncIterator[bytes], *, sha256: str | None = None) -> StoredObject:
        """See the port."""
        checked_key(key)
        reader = ChunkReader(key, chunks, sha256)
        await reader.feed(lambda: _upload(self.client, self.bucket, key, reader))
        with errors_told(key):
            # the answer to an upload carries no time; by S3's rules this sees at least our own write
            stored = await asyncio.to_thread(self.client.stat_object, self.bucket, key)
        if stored.size != reader.size:
            raise ChecksumMismatch(
                f"{key}: sent {reader.size} bytes, the object store has {stored.size}: send it again"
            )
        return StoredObject(key, reader.size, stored.last_modified or datetime.now(UTC), reader.sha256)

    async def copy(self, source: str, key: str) -> StoredObject:
        """See the port; the server copies, in one step up to 5 GiB, beyond that part by part."""
        checked_key(source), checked_key(key)
        with errors_told(source):
            await asyncio.to_thread(self.client.copy_object, self.bucket, key, CopySource(self.bucket, source))
        stored = await self.stat(key)
        if stored is None:
            raise ObjectMissing(f"the copy under {key} is deleted already")
        return stored

    @asynccontextmanager
    async def open(self, key: str) -> AsyncIterator[BinaryIO]:
        """See the port; the object is copied first, so it stays readable when it is deleted."""
        checked_key(key)
        with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as file:
            with errors_told(key):
                await asyncio.to_thread(_download, self.client, self.bucket, key, cast(BinaryIO, file))
            yield cast(BinaryIO, file)

    async def read(self, key: str, start: int, size: int) -> bytes:
        """See the port."""
        checked_key(key)
        if size < 1:  # no range says that
            return b""
        with errors_told(key):
            return await asyncio.to_thread(_read, self.client, self.bucket, key, start, size)

    async def stat(self, key: str) -> StoredObject | None:
        """See the port."""
        checked_key(key)
        try:
            with errors_told(key):
                found = await asyncio.to_thread(self.client.stat_object, self.bucket, key)
        except ObjectMissing:
            return None
        return StoredObject(key, found.size or 0, found.last_modified or datetime.now(UTC))

    async def discard_unfinished(self, prefix: str, *, before: datetime, dry_run: bool = False) -> int:
        """See the port."""
        checked_prefix(prefix)
        with errors_told(prefix):
            found = await asyncio.to_thread(find_unfinished, self.client, self.bucket, prefix, before)
            if dry_run:
                return len(found)
            return await asyncio.to_thread(discard_unfinished, self.client, self.bucket, found)

    async def delete_prefix(self, prefix: str) -> int:
        """See the port. The root is no prefix to delete: `BadKey`."""
        folder = checked_prefix(prefix)
        if not folder:
            raise BadKey("deleting needs a prefix: an empty one would take everything")
        with errors_told(prefix):
            return await asyncio.to_thread(_delete_below, self.client, self.bucket, f"{folder}/")

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """See the port."""
        folder = checked_prefix(prefix)
        found = self.client.list_objects(self.bucket, prefix=f"{folder}/" if folder else None, recursive=True)
        while page := await asyncio.to_thread(_page, found, prefix):
            for stored in page:
                yield stored

    async def presign(self, key: str, seconds: int) -> str:
        """See the port; `UserError` above the seven days that S3 allows, `ObjectMissing` when there is nothing."""
        checked_key(key)
        if not 0 < seconds <= MAX_PRESIGN_SECONDS:
            raise UserError(f"a presigned URL works for 1 to {MAX_PRESIGN_SECONDS} seconds, not {seconds}")
        with errors_told(key):
            await asyncio.to_thread(self.client.stat_object, self.bucket, key)
            lasts = timedelta(seconds=seconds)
            # worked out here from keys and region; the public name need not be reachable from this machine
            return self._signing.presigned_get_object(self.bucket, key, expires=lasts)

    async def close(self) -> None:
        """See the port."""
        await asyncio.to_thread(self._http.clear)


def _prepare(client: Minio, bucket: str) -> None:
    if not client.bucket_exists(bucket):
        try:
            client.make_bucket(bucket)
        except S3Error as error:
            if error.code not in _TAKEN:  # another service was faster
                raise
    present = client.get_bucket_lifecycle(bucket)
    wanted = with_our_rule(present)
    if wanted is not None:
        client.set_bucket_lifecycle(bucket, wanted)


def _upload(client: Minio, bucket: str, key: str, reader: ChunkReader) -> None:
    """In parts one after the other, so that memory stays bounded; after an error the parts are dropped."""
    with errors_told(key):
        client.put_object(bucket, key, cast(BinaryIO, reader), length=-1, part_size=PART_BYTES, num_parallel_uploads=1)


def _download(client: Minio, bucket: str, key: str, file: BinaryIO) -> None:
    response = client.get_object(bucket, key)
    try:
        shutil.copyfileobj(response, file, 1 << 20)
    finally:
        response.close()
        response.release_conn()
    file.seek(0)


def _read(client: Minio, bucket: str, key: str, start: int, size: int) -> bytes:
    try:
        response = client.get_object(bucket, key, offset=start, length=size)
    except S3Error as error:
        if error.code == _BEHIND_THE_END:
            return b""
        raise
    try:
        data: bytes = response.read()
        return data
    finally:
        response.close()
        response.release_conn()


def _delete_below(client: Minio, bucket: str, prefix: str) -> int:
    found = client.list_objects(bucket, prefix=prefix, recursive=True)
    deleted = 0
    while names := [_name(entry) for entry in islice(found, DELETE_AT_A_TIME)]:
        faults = list(client.remove_objects(bucket, [DeleteObject(name) for name in names]))
        if faults:
            raise ObjectStoreUnavailable(f"{len(faults)} objects below {prefix} were not deleted: {faults[0]}")
        deleted += len(names)
    return deleted


def _page(found: Iterator[Object], prefix: str) -> list[StoredObject]:
    with errors_told(prefix):
        return [
            StoredObject(_name(entry), entry.size or 0, entry.last_modified or datetime.now(UTC))
            for entry in islice(found, LIST_AT_A_TIME)
        ]


def _name(entry: Object) -> str:
    if entry.object_name is None:
        raise ObjectStoreUnavailable("the listing holds an object without a name")
    return entry.object_name
