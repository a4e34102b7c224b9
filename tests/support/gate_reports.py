"""Stored gate reports, as the gate would leave them."""

from typing import Literal

from synthmill.jobs.gate_reports import packed_page, save_report
from synthmill.ports.records import RecordStore
from synthmill_schemas.export import FOLDER
from synthmill_schemas.gate_report import GateReport

PAGE = b"<!DOCTYPE html><title>tickets</title><p>200 records"


async def stored_report(
    store: RecordStore, job_id: str, case: Literal["passed", "blocked"], *, with_page: bool = True
) -> GateReport:
    """The golden example of this name, of a job of our own."""
    example = FOLDER.parent / f"examples/gate_report/v1/valid/{case}.json"
    report = GateReport.model_validate_json(example.read_bytes())
    report = report.model_copy(update={"job_id": job_id, "report_id": f"gate-{job_id}", "page": None})
    page = packed_page(report, PAGE) if with_page else None
    report = report.model_copy(update={"page": page.report_id if page else None})
    await save_report(store, report, page)
    return report
