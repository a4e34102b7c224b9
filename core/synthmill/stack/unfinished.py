"""Uploads that were begun in parts and neither completed nor dropped: found, and dropped with their parts."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from minio import Minio
from minio.datatypes import ListMultipartUploadsResult
from minio.error import S3Error

_GONE = "NoSuchUpload"


Upload = tuple[str, str]
"""Key and upload id."""


def find_unfinished(client: Minio, bucket: str, prefix: str, before: datetime) -> set[Upload]:
    """Those below `prefix`, or under exactly this key, that were begun before the moment."""
    return {*_begun(client, bucket, prefix, before)}


def discard_unfinished(client: Minio, bucket: str, uploads: Iterable[Upload]) -> int:
    """Drops them; answers how many were there still."""
    dropped = 0
    for key, upload_id in uploads:
        try:
            client._abort_multipart_upload(bucket, key, upload_id)
        except S3Error as error:
            if error.code != _GONE:  # completed or dropped meanwhile
                raise
        else:
            dropped += 1
    return dropped


def _begun(client: Minio, bucket: str, prefix: str, before: datetime) -> Iterator[Upload]:
    """MinIO answers a listing by prefix with the uploads of exactly that key, so all are listed and looked through.

    It also forgets the list of all when it is started again, and then only finds what it is asked for by key.
    """
    folder = prefix.removesuffix("/")
    for asked in {None, folder or None}:
        for page in _pages(client, bucket, asked):
            for upload in page.uploads:
                key, id_, at = upload.object_name, upload.upload_id, upload.initiated_time
                below = not folder or key == folder or (key or "").startswith(f"{folder}/")
                if key and id_ and below and at is not None and at < before:
                    yield key, id_


def _pages(client: Minio, bucket: str, prefix: str | None) -> Iterator[ListMultipartUploadsResult]:
    key_marker: str | None = None
    id_marker: str | None = None
    while True:
        page = client._list_multipart_uploads(bucket, prefix=prefix, key_marker=key_marker, upload_id_marker=id_marker)
        yield page
        if not page.is_truncated or not page.next_key_marker:
            return
        key_marker, id_marker = page.next_key_marker, page.next_upload_id_marker
