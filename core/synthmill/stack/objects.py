"""The object store of the stack profile: a bucket of MinIO, or of anything that speaks S3.

The only module that names `minio`; its calls block, so each runs in a thread. A large object is sent in parts and
becomes visible when the last call joins them; a small one is a single request. Either way the server checks the
sha256 of each request's body, and nothing is there before the stream has ended well.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import BinaryIO, cast

import urllib3
from minio import Minio
from minio.datatypes import Object
from minio.deleteobjects import DeleteObject
from minio.error import MinioException, S3Error

from synthmill.errors import BadKey, ObjectMissing, ObjectStoreUnavailable, StorageFull, UserError
from synthmill.object_keys import checked_key, checked_prefix
from synthmill.ports.objects import StoredObject
from synthmill.settings import MinioSettings
from synthmill.stack.lifecycle import with_our_rule
from synthmill.stack.uploads import ChunkReader

PART_BYTES = 8 << 20
"""Memory of one upload is about twice that; S3 takes 10,000 parts, so an object may have 80 GB."""

SPOOL_BYTES = 8 << 20
"""A file that is read stays in memory up to this size, beyond it lies on the local disk."""

LIST_AT_A_TIME = 500
DELETE_AT_A_TIME = 1_000  # the most that one S3 request may name
MAX_PRESIGN_SECONDS = 7 * 24 * 3600

_MISSING = {"NoSuchKey", "NoSuchObject", "ResourceNotFound", "NoSuchVersion"}
_FULL = {"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage"}
_BAD_KEY = {"XMinioInvalidObjectName", "XMinioParentIsObject", "KeyTooLongError", "XMinioObjectExistsAsDirectory"}
_DENIED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthorizationHeaderMalformed"}
_TAKEN = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}


class MinioObjectStore:
    """An `ObjectStore` in one bucket; `prepare` makes the bucket."""

    def __init__(self, settings: MinioSettings) -> None:
        self.bucket = settings.bucket
        self._http = _pool(settings)
        self.client = _client(settings, self._http)

    async def prepare(self) -> None:
        """Creates the bucket and its clean-up rule if they are missing; doing it again changes nothing."""
        with _errors_told(f"bucket {self.bucket}"):
            await asyncio.to_thread(_prepare, self.client, self.bucket)

    async def put(self, key: str, chunks: AsyncIterator[bytes], *, sha256: str | None = None) -> StoredObject:
        """See the port."""
        checked_key(key)
        reader = ChunkReader(key, chunks, sha256)
        await reader.feed(lambda: _upload(self.client, self.bucket, key, reader))
        with _errors_told(key):
            # the answer to an upload carries no time; by S3's rules this sees at least our own write
            stored = await asyncio.to_thread(self.client.stat_object, self.bucket, key)
        return StoredObject(key, reader.size, stored.last_modified or datetime.now(UTC), reader.sha256)

    @asynccontextmanager
    async def open(self, key: str) -> AsyncIterator[BinaryIO]:
        """See the port; the object is copied first, so it stays readable when it is deleted."""
        checked_key(key)
        with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as file:
            with _errors_told(key):
                await asyncio.to_thread(_download, self.client, self.bucket, key, cast(BinaryIO, file))
            yield cast(BinaryIO, file)

    async def delete_prefix(self, prefix: str) -> int:
        """See the port. The root is no prefix to delete: `BadKey`."""
        folder = checked_prefix(prefix)
        if not folder:
            raise BadKey("deleting needs a prefix: an empty one would take everything")
        with _errors_told(prefix):
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
        with _errors_told(key):
            return await asyncio.to_thread(_presign, self.client, self.bucket, key, seconds)

    async def close(self) -> None:
        """See the port."""
        await asyncio.to_thread(self._http.clear)


def _pool(settings: MinioSettings) -> urllib3.PoolManager:
    return urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=5, read=60),
        maxsize=16,
        cert_reqs="CERT_REQUIRED",
        ca_certs=str(settings.ca_file) if settings.ca_file else None,
        # for a connection that was closed while idle; outages are the caller's to wait out
        retries=urllib3.Retry(total=2, backoff_factor=0.2, status_forcelist=[502, 503, 504], raise_on_status=False),
    )


def _client(settings: MinioSettings, http: urllib3.PoolManager) -> Minio:
    access, secret = settings.access_key, settings.secret_key
    if access is None or secret is None:
        raise UserError("set SYNTHMILL_MINIO__ACCESS_KEY and SYNTHMILL_MINIO__SECRET_KEY: the object store has none")
    client = Minio(
        settings.endpoint,
        access_key=access.get_secret_value(),
        secret_key=secret.get_secret_value(),
        secure=settings.tls,
        region=settings.region,  # known, so that no request asks for it
        http_client=http,
    )
    if settings.path_style:
        client.disable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
    else:
        client.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
    return client


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
    with _errors_told(key):
        client.put_object(bucket, key, cast(BinaryIO, reader), length=-1, part_size=PART_BYTES, num_parallel_uploads=1)


def _download(client: Minio, bucket: str, key: str, file: BinaryIO) -> None:
    response = client.get_object(bucket, key)
    try:
        shutil.copyfileobj(response, file, 1 << 20)
    finally:
        response.close()
        response.release_conn()
    file.seek(0)


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
    with _errors_told(prefix):
        return [
            StoredObject(_name(entry), entry.size or 0, entry.last_modified or datetime.now(UTC))
            for entry in islice(found, LIST_AT_A_TIME)
        ]


def _presign(client: Minio, bucket: str, key: str, seconds: int) -> str:
    client.stat_object(bucket, key)
    return client.presigned_get_object(bucket, key, expires=timedelta(seconds=seconds))


def _name(entry: Object) -> str:
    if entry.object_name is None:
        raise ObjectStoreUnavailable("the listing holds an object without a name")
    return entry.object_name


@contextmanager
def _errors_told(key: str) -> Iterator[None]:
    try:
        yield
    except S3Error as error:
        raise _told(key, error) from error
    except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
        raise ObjectStoreUnavailable(f"the object store did not serve {key}: {error}") from error


def _told(key: str, error: S3Error) -> Exception:
    code = error.code
    if code in _MISSING:
        return ObjectMissing(f"no object under {key}: it was never stored, or is deleted")
    if code in _FULL:
        return StorageFull(f"no space left to store {key}: free some, then send it again")
    if code in _BAD_KEY:
        return BadKey(f"object key {key!r} is refused by the object store: {error.message}")
    if code in _DENIED:
        return UserError(
            f"the object store refuses its keys ({code}): check SYNTHMILL_MINIO__ACCESS_KEY and its rights"
        )
    return ObjectStoreUnavailable(f"the object store did not serve {key}: {code}: {error.message}")
