"""Gives up uploads whose time is over, with all their parts; what is known of finished ones goes then too."""

from synthmill.catalog.resumable.documents import UPLOADS, UploadDocument, forget_upload
from synthmill.catalog.resumable.errors import UploadLocked
from synthmill.services import Services
from synthmill_schemas.base import now


async def drop_expired(services: Services, *, dry_run: bool = False) -> int:
    """Answers how many were never finished; with `dry_run` they are only counted."""
    dropped = 0
    await services.store.visible(UPLOADS)
    async for stored in services.store.scan(UPLOADS):
        upload = UploadDocument.model_validate(stored.document)
        if upload.expires_at >= now() or _being_written(upload):
            continue
        dropped += not upload.finished
        if not dry_run:
            await forget_upload(services, upload)
    return dropped


async def give_up(services: Services, upload: UploadDocument) -> None:
    """Drops one upload on its client's wish; `UploadLocked` while a request is writing to it."""
    if _being_written(upload):
        raise UploadLocked(f"a request is writing to upload {upload.upload_id}: end it first")
    await forget_upload(services, upload)


def _being_written(upload: UploadDocument) -> bool:
    return upload.writer is not None and upload.writer.expires_at > now()
