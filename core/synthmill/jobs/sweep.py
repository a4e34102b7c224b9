"""Deletes what nothing live refers to: temporary files, half-sent uploads, expired exports, stray counts of beginnings.

A live job's input files and an export's file until it expires are never touched, however old. All limits are ages, so
a sweep that runs beside the services sees nothing that they have only just begun.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from synthmill.catalog.resumable.expiry import drop_expired
from synthmill.jobs.cleanup import inputs_are_seeds, mark_deleted
from synthmill.jobs.documents import find_job
from synthmill.jobs.export.requests import all_exports, change_export, expired, find_export
from synthmill.jobs.files import ROOT, Folder, Kind, export_prefix, folder_of
from synthmill.jobs.tenants import known_tenants
from synthmill.ports.broker import Queue
from synthmill.ports.records import STARTS, Range
from synthmill.services import Services
from synthmill_schemas.base import now
from synthmill_schemas.file_export import ExportDocument, ExportState
from synthmill_schemas.job import RUNNING_STATES, JobDocument, JobState

_STARTS_FOR_SURE_HOURS = 7 * 24.0
"""After so long a count goes even when its queue is not empty; its message then counts anew."""

_DELETED_AT_A_TIME = 500


@dataclass(slots=True)
class Swept:
    """What a sweep deleted, or would delete."""

    input_files: int = 0
    source_files: int = 0
    export_files: int = 0
    unfinished_uploads: int = 0
    exports_expired: int = 0
    starts: int = 0

    @property
    def nothing(self) -> bool:
        """Whether there was nothing to do."""
        return not any(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True, slots=True)
class _Found:
    """A folder of temporary files: how many there are, and when the last of them came."""

    folder: Folder
    files: int
    newest: datetime


async def sweep(services: Services, *, dry_run: bool = False) -> Swept:
    """One pass over all tenants; with `dry_run` it only counts."""
    return await _Sweep(services, dry_run, Swept()).run()


@dataclass(frozen=True, slots=True)
class _Sweep:
    services: Services
    dry_run: bool
    swept: Swept

    async def run(self) -> Swept:
        await self._expire(await known_tenants(self.services.store))
        async for found in _folders(self.services):
            await self._folder(found)
        cutoff = self._before()
        self.swept.unfinished_uploads += await self.services.objects.discard_unfinished(
            ROOT, before=cutoff, dry_run=self.dry_run
        )
        self.swept.unfinished_uploads += await drop_expired(self.services, dry_run=self.dry_run)
        await self._starts(cutoff)
        return self.swept

    def _before(self) -> datetime:
        return now() - timedelta(hours=self.services.settings.job.temporary_file_hours)

    async def _expire(self, tenants: Sequence[str]) -> None:
        """Exports whose time is over say so, and then their files go."""
        for tenant in tenants:
            async for export in all_exports(self.services.store, tenant, ExportState.DONE):
                if not expired(export):
                    continue
                self.swept.exports_expired += 1
                if not self.dry_run:
                    await change_export(self.services.store, tenant, export.export_id, _expiry)
                    folder = export_prefix(tenant, export.job_id, export.export_id)
                    self.swept.export_files += await self.services.objects.delete_prefix(folder)

    async def _folder(self, found: _Found) -> None:
        """Deletes one folder if it is orphaned."""
        if found.newest >= self._before():
            return
        match found.folder.kind:
            case Kind.SOURCE:  # jobs have copies of their own; the next upload brings the file back
                self.swept.source_files += await self._delete(found.folder.prefix, found.files)
            case Kind.INPUT:
                self.swept.input_files += await self._inputs(found)
            case Kind.EXPORT:
                self.swept.export_files += await self._exports(found)
            case Kind.UNKNOWN:
                return  # not ours to judge; a bucket's own rule takes it

    async def _inputs(self, found: _Found) -> int:
        folder = found.folder
        job = await find_job(self.services.store, folder.tenant, folder.job_id)
        if job is not None and needs_files(job.document):
            return 0
        deleted = await self._delete(folder.prefix, found.files)
        if job is not None and not self.dry_run:
            await mark_deleted(self.services, folder.tenant, folder.job_id)
        return deleted

    async def _exports(self, found: _Found) -> int:
        folder = found.folder
        export = await find_export(self.services.store, folder.tenant, folder.export_id)
        if export is not None and export.document.state in _HAS_A_FILE:
            return 0
        return await self._delete(folder.prefix, found.files)

    async def _delete(self, prefix: str, files: int) -> int:
        return files if self.dry_run else await self.services.objects.delete_prefix(prefix)

    async def _starts(self, cutoff: datetime) -> None:
        """Counts of messages that are settled: a crash fell between the settlement and the end of the count."""
        store, stray = self.services.store, list[str]()
        empty: dict[str, bool] = {}
        await store.visible(STARTS)
        async for stored in store.scan(STARTS, {"at": Range(high=cutoff.isoformat())}):
            queue = str(stored.document.get("queue"))
            if queue not in empty:
                empty[queue] = await self._is_empty(queue)
            if empty[queue] or datetime.fromisoformat(str(stored.document["at"])) < _for_sure():
                stray.append(stored.id)
        self.swept.starts += len(stray)
        for start in range(0, 0 if self.dry_run else len(stray), _DELETED_AT_A_TIME):
            await store.delete(STARTS, stray[start : start + _DELETED_AT_A_TIME])

    async def _is_empty(self, queue: str) -> bool:
        if queue not in set(Queue):
            return False
        depth = await self.services.broker.depth(Queue(queue))
        return depth.ready + depth.unsettled == 0


_HAS_A_FILE = frozenset({ExportState.REQUESTED, ExportState.WRITING, ExportState.DONE})


def needs_files(job: JobDocument) -> bool:
    """Whether the job, as it is, will still read its input files."""
    return not inputs_are_seeds(job) and (job.state in RUNNING_STATES or job.state is JobState.CREATED)


async def _folders(services: Services) -> AsyncIterator[_Found]:
    """Every folder once: keys come in order, so what goes together stands together."""
    current: _Found | None = None
    async for item in services.objects.list(ROOT):
        folder = folder_of(item.key)
        if current is not None and current.folder == folder:
            current = _Found(folder, current.files + 1, max(current.newest, item.modified_at))
            continue
        if current is not None:
            yield current
        current = _Found(folder, 1, item.modified_at)
    if current is not None:
        yield current


def _expiry(current: ExportDocument) -> dict[str, object] | None:
    done = current.state is ExportState.DONE and expired(current)
    return {"state": ExportState.EXPIRED} if done else None


def _for_sure() -> datetime:
    return now() - timedelta(hours=_STARTS_FOR_SURE_HOURS)
