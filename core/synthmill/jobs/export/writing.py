"""Writes an export's file into the object store: one writer at a time, nothing half done left behind.

Each attempt has a key of its own, which stands in the document before the first byte is sent. So whoever takes over
from a dead writer knows what to drop, and a writer that was only slow cannot put other bytes under a finished file.
"""

import asyncio
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from synthmill.errors import BadKey, SynthmillError, UserError
from synthmill.jobs.documents import get_job
from synthmill.jobs.events import say
from synthmill.jobs.export.formats import Form
from synthmill.jobs.export.requests import OPEN_STATES, change_export, find_export
from synthmill.jobs.export.stream import file_stream
from synthmill.jobs.files import export_prefix
from synthmill.jobs.lease import LeaseTaken, new_owner
from synthmill.ports.objects import StoredObject
from synthmill.services import Services
from synthmill.versioned import Changes
from synthmill_schemas.base import now
from synthmill_schemas.event import Level
from synthmill_schemas.file_export import ExportDocument, ExportState
from synthmill_schemas.job import Lease


class Written(StrEnum):
    """What came of an order to write."""

    DONE = "done"
    FAILED = "failed"  # it cannot be written, and says why
    BEFORE = "before"  # it was decided before
    MISSING = "missing"


async def write_export(services: Services, tenant: str, export_id: str) -> Written:
    """Writes the file unless that is done; `LeaseTaken` while another writer is at it."""
    found = await find_export(services.store, tenant, export_id)
    if found is None:
        return Written.MISSING
    if found.document.state not in OPEN_STATES:
        return Written.BEFORE
    writer = _Writer(services, tenant, export_id, new_owner())
    export = await writer.take()
    if export is None:
        return Written.BEFORE
    try:
        await writer.discard(found.document.object_key)
        return await writer.write(export)
    except (UserError, BadKey) as error:
        await fail_export(services, tenant, export_id, str(error))
        return Written.FAILED
    finally:
        await writer.give_back()


async def fail_export(services: Services, tenant: str, export_id: str, reason: str) -> None:
    """Ends an export that cannot be written; asking for it again tries again."""

    def decide(current: ExportDocument) -> Changes | None:
        if current.state not in OPEN_STATES:
            return None
        return {"state": ExportState.FAILED, "reason": reason, "lease": None}

    if await find_export(services.store, tenant, export_id) is not None:
        export = await change_export(services.store, tenant, export_id, decide)
        await _say(services, export, f"failed: {reason}", Level.ERROR)


@dataclass(frozen=True, slots=True)
class _Writer:
    services: Services
    tenant: str
    export_id: str
    owner: str

    async def take(self) -> ExportDocument | None:
        """The export, ours to write under a new key; None when it was decided meanwhile."""

        def decide(current: ExportDocument) -> Changes | None:
            if current.state not in OPEN_STATES:
                return None
            held = current.lease
            if held is not None and held.owner != self.owner and held.expires_at > now():
                raise LeaseTaken(f"export {self.export_id} is being written by {held.owner}")
            folder = export_prefix(current.tenant, current.job_id, current.export_id)
            key = f"{folder}{uuid.uuid4().hex[:8]}/{current.file_name}"
            return {"state": ExportState.WRITING, "lease": self._lease(), "object_key": key}

        export = await change_export(self.services.store, self.tenant, self.export_id, decide)
        return export if self._is_ours(export) else None

    async def discard(self, key: str | None) -> None:
        """Drops what an earlier attempt left under its key, sent or half sent."""
        if key is not None:
            await self.services.objects.discard_unfinished(key, before=now() + timedelta(days=1))
            await self.services.objects.delete_prefix(key.rpartition("/")[0] + "/")

    async def write(self, export: ExportDocument) -> Written:
        """Sends the file while the lease is renewed; a lease that is lost ends the sending."""
        sending = asyncio.create_task(self._send(export))
        keeping = asyncio.create_task(self._keep())
        try:
            await asyncio.wait({sending, keeping}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                keeping.result()
            stored, records = await sending
        finally:
            for task in (sending, keeping):
                task.cancel()
            await asyncio.gather(sending, keeping, return_exceptions=True)
        return await self._finish(export, stored, records)

    async def give_back(self) -> None:
        """Lets another writer begin at once, when ours ended without a decision."""

        def decide(current: ExportDocument) -> Changes | None:
            return {"state": ExportState.REQUESTED, "lease": None} if self._is_ours(current) else None

        with suppress(SynthmillError):  # it runs out by itself
            await change_export(self.services.store, self.tenant, self.export_id, decide)

    async def _send(self, export: ExportDocument) -> tuple[StoredObject, int]:
        job = (await get_job(self.services.store, self.tenant, export.job_id)).document
        stream = file_stream(self.services.store, job, Form.of(export.format, export))
        stored = await self.services.objects.put(export.object_key or "", stream.chunks())
        return stored, stream.records

    async def _keep(self) -> None:
        def decide(current: ExportDocument) -> Changes:
            if not self._is_ours(current):
                raise LeaseTaken(f"export {self.export_id} was taken over by somebody else")
            return {"lease": self._lease()}

        while True:
            await asyncio.sleep(self.services.settings.worker.lease_seconds / 3)
            await change_export(self.services.store, self.tenant, self.export_id, decide)

    async def _finish(self, export: ExportDocument, stored: StoredObject, records: int) -> Written:
        hours = self.services.settings.job.export_hours

        def decide(current: ExportDocument) -> Changes | None:
            if not self._is_ours(current):
                return None
            return {
                "state": ExportState.DONE,
                "records": records,
                "size": stored.size,
                "sha256": stored.sha256,
                "expires_at": now() + timedelta(hours=hours),
                "lease": None,
            }

        done = await change_export(self.services.store, self.tenant, self.export_id, decide)
        if done.state is not ExportState.DONE or done.object_key != export.object_key:
            await self.discard(export.object_key)
            return Written.BEFORE
        await _say(self.services, done, f"has {records} records in {stored.size} bytes", Level.INFO)
        return Written.DONE

    def _is_ours(self, export: ExportDocument) -> bool:
        return export.lease is not None and export.lease.owner == self.owner

    def _lease(self) -> Lease:
        seconds = self.services.settings.worker.lease_seconds
        return Lease(owner=self.owner, expires_at=now() + timedelta(seconds=seconds))


async def _say(services: Services, export: ExportDocument, what: str, level: Level) -> None:
    await say(
        services.store,
        "worker",
        f"export.{export.state}",
        f"job {export.job_id}: export {export.file_name} {what}",
        tenant=export.tenant,
        job_id=export.job_id,
        level=level,
        fields={"export_id": export.export_id},
    )
