"""`/v1/jobs/{job_id}/gate`: the verdict over a job's records, and the page of it."""

from typing import Any

from fastapi import Response
from fastapi.responses import HTMLResponse

from synthmill.jobs.gate_reports import find_report, page_of
from synthmill.services import Services
from synthmill_api.auth.guard import guarded, guarded_router
from synthmill_api.auth.scopes import Scope
from synthmill_api.dependencies import CallerHere, ServicesHere
from synthmill_api.errors import Code, Refused
from synthmill_api.jobs import service as job_service
from synthmill_api.jobs.endpoints import JobIdHere
from synthmill_schemas.gate_report import GateReport

router = guarded_router("gate")

_PAGE: dict[int | str, dict[str, Any]] = {
    200: {"description": "A page that loads and runs nothing", "content": {"text/html": {"schema": {"type": "string"}}}}
}
_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@router.get("/jobs/{job_id}/gate", operation_id="get_gate_report", **guarded(Scope.RECORDS_READ, Code.NOT_FOUND))
async def get_gate_report(services: ServicesHere, caller: CallerHere, job_id: JobIdHere) -> GateReport:
    """What the gate found: one finding for each expectation, examples from the records among them."""
    return await _report(services, caller.tenant, job_id)


@router.get(
    "/jobs/{job_id}/gate/page",
    operation_id="get_gate_page",
    response_class=HTMLResponse,
    **guarded(Scope.RECORDS_READ, Code.NOT_FOUND, answers=_PAGE),
)
async def get_gate_page(services: ServicesHere, caller: CallerHere, job_id: JobIdHere) -> Response:
    """The same as a page, made by Great Expectations."""
    report = await _report(services, caller.tenant, job_id)
    page = await page_of(services, report)
    if page is None:
        raise Refused(Code.NOT_FOUND, f"the page of job {job_id} was too big to be kept; the report has all of it")
    return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY})


async def _report(services: Services, tenant: str, job_id: str) -> GateReport:
    """A 404 for a job that is not the tenant's, and for one that the gate has not judged."""
    await job_service.get(services, tenant, job_id)
    report = await find_report(services.store, tenant, job_id)
    if report is None:
        raise Refused(Code.NOT_FOUND, f"the gate has not run for job {job_id}")
    return report
