"""Where gate reports and their pages are kept, for those who write them and those who read them."""

import base64
import gzip

from synthmill.errors import JobMissing, SynthmillError
from synthmill.ports.records import Collection, Place, Query, RecordStore, Write, WriteStatus
from synthmill.services import Services
from synthmill.settings import GateRule, Profile, Settings
from synthmill_schemas.gate_report import GatePage, GateReport
from synthmill_schemas.recipe import Recipe

MAX_PAGE_BYTES = 2 << 20
"""Packed; a page of a thousand expectations has 100 KB."""


class ReportRefused(SynthmillError):
    """The store does not take the report; its text says why."""


class GateReportMissing(JobMissing):
    """The gate has not run for this job."""


def gate_wanted(settings: Settings, recipe: Recipe) -> bool:
    """On the stack always; embedded, where its import is half of a small run's time, when the recipe declares it."""
    always = settings.job.gate is GateRule.ALWAYS or settings.profile is Profile.STACK
    return always or recipe.gate is not None


async def save_report(store: RecordStore, report: GateReport, page: GatePage | None) -> None:
    """Both at once, over those of an earlier run on the same records."""
    place = _reports_of(report.tenant)
    documents: list[GatePage | GateReport] = [report] if page is None else [page, report]
    writes = [Write(place, each.report_id, each.model_dump(mode="json")) for each in documents]
    for result in await store.bulk(writes):
        if result.status is not WriteStatus.STORED:
            raise ReportRefused(f"gate report {result.id} could not be stored: {result.reason}")


async def find_report(store: RecordStore, tenant: str, job_id: str) -> GateReport | None:
    """The job's last report: one for each set of records that it had when the gate ran."""
    place = _reports_of(tenant)
    await store.visible(place)
    page = await store.search(place, Query({"kind": "gate", "job_id": job_id}, sort="-at", limit=1))
    return GateReport.model_validate(page.hits[0].document) if page.hits else None


async def get_report(store: RecordStore, tenant: str, job_id: str) -> GateReport:
    """The same, or `GateReportMissing`."""
    report = await find_report(store, tenant, job_id)
    if report is None:
        raise GateReportMissing(
            f"the gate has not run for job {job_id}: it does when the job has ended, on the stack always, "
            "embedded when the recipe has a gate section"
        )
    return report


async def page_of(services: Services, report: GateReport) -> bytes | None:
    """The HTML page of a report; None when it was too big to keep."""
    if report.page is None:
        return None
    stored = await services.store.get(_reports_of(report.tenant), report.page)
    return None if stored is None else unpacked(GatePage.model_validate(stored.document))


def packed_page(report: GateReport, html: bytes) -> GatePage | None:
    """The page as a document; None when it would be too big for one."""
    body = gzip.compress(html, mtime=0)
    if len(body) > MAX_PAGE_BYTES:
        return None
    return GatePage(
        tenant=report.tenant,
        report_id=f"{report.report_id}-page",
        job_id=report.job_id,
        dataset=report.dataset,
        size=len(html),
        body=base64.b64encode(body).decode(),
        at=report.at,
    )


def unpacked(page: GatePage) -> bytes:
    """The page's HTML."""
    return gzip.decompress(base64.b64decode(page.body))


def _reports_of(tenant: str) -> Place:
    return Place(tenant, Collection.REPORTS)
