"""Asks for exports by core's own function, and finds where their files can be fetched."""

import asyncio
from collections.abc import AsyncGenerator

from synthmill.errors import ObjectMissing
from synthmill.jobs.export.formats import Form
from synthmill.jobs.export.requests import exports_of, find_export, request_export, seconds_left
from synthmill.ports.records import Page, Query
from synthmill.services import Services
from synthmill_api.errors import Code, Refused
from synthmill_api.jobs import service as job_service
from synthmill_api.kit.spans import Span
from synthmill_schemas.file_export import ExportDocument, ExportState

_READ_BYTES = 1 << 20


async def create(services: Services, tenant: str, job_id: str, form: Form) -> ExportDocument:
    """The export, once the broker has confirmed it; a 404 for a job that is not the tenant's."""
    await job_service.get(services, tenant, job_id)
    return await request_export(services, tenant, job_id, form)


async def get(services: Services, tenant: str, job_id: str, export_id: str) -> ExportDocument:
    """The export, or a 404."""
    found = await find_export(services.store, tenant, export_id)
    if found is None or found.document.job_id != job_id:
        raise Refused(Code.NOT_FOUND, f"job {job_id} has no export {export_id}")
    return found.document


async def page(services: Services, tenant: str, job_id: str, query: Query) -> Page:
    """One page of the job's exports."""
    await job_service.get(services, tenant, job_id)
    await services.store.visible(exports_of(tenant))
    return await services.store.search(exports_of(tenant), query)


async def url_of(services: Services, export: ExportDocument) -> str | None:
    """A presigned URL until the file expires; where files are in a folder, our own path. None: nothing to fetch."""
    seconds = seconds_left(export)
    if export.state is not ExportState.DONE or export.object_key is None or seconds < 1:
        return None
    try:
        url = await services.objects.presign(export.object_key, seconds)
    except ObjectMissing:
        return None
    own = f"/v1/jobs/{export.job_id}/exports/{export.export_id}/content"
    return url if url.startswith(("http://", "https://")) else own


async def content(services: Services, export: ExportDocument, span: Span | None) -> AsyncGenerator[bytes, None]:
    """The file's bytes, or those of the span; a 410 when it expired or was never written."""
    gone = Refused(Code.EXPORT_GONE, f"export {export.export_id} is {export.state}: there is no file of it")
    if export.state is not ExportState.DONE or export.object_key is None:
        raise gone
    try:
        async with services.objects.open(export.object_key) as file:
            wanted = span or Span(0, export.size or 0)
            await asyncio.to_thread(file.seek, wanted.start)
            left = wanted.end - wanted.start
            while left and (block := await asyncio.to_thread(file.read, min(left, _READ_BYTES))):
                left -= len(block)
                yield block
    except ObjectMissing:
        raise gone from None
