"""Exports that somebody asked for: one document each, ordered from the worker by a message (decision 0012).

The same job, form and number of records is the same export: asking again finds it, and writes it anew
only when it failed or its file is gone.
"""

import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

from synthmill import tracing
from synthmill.errors import JobMissing
from synthmill.jobs.documents import get_job, trace_of
from synthmill.jobs.export.formats import Form
from synthmill.jobs.export.stream import records_of
from synthmill.ports.broker import Message, Queue
from synthmill.ports.records import Collection, Place, RecordStore, Write, WriteMode
from synthmill.recipes.compile import recompile
from synthmill.services import Services
from synthmill.versioned import Changes, Versioned, change, parsed, touched
from synthmill_schemas.base import now
from synthmill_schemas.file_export import ExportDocument, ExportMessage, ExportState
from synthmill_schemas.job import JobDocument

OPEN_STATES = frozenset({ExportState.REQUESTED, ExportState.WRITING})

_FRESH: Changes = {
    "state": ExportState.REQUESTED,
    "records": None,
    "size": None,
    "sha256": None,
    "expires_at": None,
    "reason": None,
    "lease": None,
}


VersionedExport = Versioned[ExportDocument]


class ExportMissing(JobMissing):
    """No such export here."""


def exports_of(tenant: str) -> Place:
    """Where a tenant's export documents are, among other reports."""
    return Place(tenant, Collection.REPORTS)


async def request_export(services: Services, tenant: str, job_id: str, form: Form) -> ExportDocument:
    """The export of the job's records as they are now; returns when the broker confirmed it, or it is there.

    `UserError` when the form does not fit the records.
    """
    job = (await get_job(services.store, tenant, job_id)).document
    form.check(recompile(job.recipe).record_schema)
    place = records_of(job)
    await services.store.visible(place)
    fresh = _document(job, form, await services.store.count(place, {"job_id": job_id}))
    write = Write(exports_of(tenant), fresh.report_id, fresh.model_dump(mode="json"), WriteMode.CREATE)
    await services.store.bulk([write])
    export = await get_export(services.store, tenant, fresh.export_id)
    if await _is_gone(services, export.document):
        document = await change_export(services.store, tenant, fresh.export_id, _renewed(export))
    else:
        document = export.document
    if document.state is ExportState.REQUESTED:
        await send_export(services, document)
    return document


async def request_again(store: RecordStore, tenant: str, export_id: str) -> ExportDocument:
    """Lets an export that failed be written, once its message comes."""
    return await change_export(
        store, tenant, export_id, lambda current: _FRESH if current.state is ExportState.FAILED else None
    )


async def send_export(services: Services, export: ExportDocument) -> None:
    """Sends the export's message; a worker that finds it done drops it."""
    trace = tracing.parse(export.traceparent) or tracing.new()
    told = str(trace.child(export.export_id))
    message = ExportMessage(tenant=export.tenant, job_id=export.job_id, export_id=export.export_id, traceparent=told)
    body = message.model_dump_json().encode()
    await services.broker.publish(Queue.EXPORTS, [Message(export.export_id, body, {tracing.HEADER: told})])


async def find_export(store: RecordStore, tenant: str, export_id: str) -> VersionedExport | None:
    """The export as it is now, if there is one."""
    stored = await store.get(exports_of(tenant), _report_id(export_id))
    return None if stored is None else parsed(ExportDocument, stored)


async def get_export(store: RecordStore, tenant: str, export_id: str) -> VersionedExport:
    """The export as it is now, or `ExportMissing`."""
    found = await find_export(store, tenant, export_id)
    if found is None:
        raise ExportMissing(f"there is no export {export_id!r}; `synthmill export JOB` asks for one")
    return found


async def change_export(
    store: RecordStore, tenant: str, export_id: str, decide: Callable[[ExportDocument], Changes | None]
) -> ExportDocument:
    """The export as it is after `decide` chose changes, perhaps several times; None: it is left as it is."""
    changed = await change(
        store,
        exports_of(tenant),
        _report_id(export_id),
        lambda: get_export(store, tenant, export_id),
        lambda export: touched(decide(export)),
    )
    return changed.document


async def all_exports(
    store: RecordStore, tenant: str, *states: ExportState, job_id: str | None = None
) -> AsyncIterator[ExportDocument]:
    """The tenant's exports in these states, or in any."""
    where: dict[str, str | list[str]] = {"kind": "export"}
    if states:
        where["state"] = [state.value for state in states]
    if job_id is not None:
        where["job_id"] = job_id
    await store.visible(exports_of(tenant))
    async for stored in store.scan(exports_of(tenant), where):
        yield ExportDocument.model_validate(stored.document)


def overdue(services: Services, export: ExportDocument) -> bool:
    """Nobody writes it, and nothing about it changed for longer than a healthy worker takes to begin."""
    written_now = export.lease is not None and export.lease.expires_at > now()
    return not written_now and export.updated_at < now() - timedelta(seconds=services.settings.job.resend_seconds)


def expired(export: ExportDocument) -> bool:
    """Whether its time is over."""
    return export.expires_at is not None and export.expires_at <= now()


def seconds_left(export: ExportDocument) -> int:
    """How long the file can still be fetched; 0 when there is none."""
    if export.expires_at is None:
        return 0
    return max(0, int((export.expires_at - now()).total_seconds()))


async def _is_gone(services: Services, export: ExportDocument) -> bool:
    match export.state:
        case ExportState.FAILED | ExportState.EXPIRED:
            return True
        case ExportState.DONE:
            return expired(export) or await services.objects.stat(export.object_key or "-") is None
        case _:
            return False


def _renewed(seen: VersionedExport) -> Callable[[ExportDocument], Changes | None]:
    def decide(current: ExportDocument) -> Changes | None:
        return _FRESH if current == seen.document else None  # else somebody asked for it at the same moment

    return decide


def _document(job: JobDocument, form: Form, records: int) -> ExportDocument:
    parts = (job.tenant, job.job_id, *form.identity, str(records))
    export_id = "exp_" + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
    return ExportDocument(
        tenant=job.tenant,
        report_id=_report_id(export_id),
        export_id=export_id,
        job_id=job.job_id,
        dataset=job.dataset,
        format=form.format,
        **form.fields,
        file_name=form.file_name(job.dataset),
        traceparent=str(tracing.current() or trace_of(job)),
    )


def _report_id(export_id: str) -> str:
    return f"export-{export_id}"
