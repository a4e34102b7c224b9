"""From a finished job to its stored gate report."""

import asyncio
import hashlib
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from synthmill.jobs.documents import get_job
from synthmill.jobs.events import say
from synthmill.jobs.export.stream import in_order
from synthmill.jobs.gate_reports import packed_page, save_report
from synthmill.jobs.status import Status, count_job
from synthmill.recipes.compile import recompile
from synthmill.recipes.compiled import CompiledRecipe
from synthmill.services import Services
from synthmill_flows.gate.checks import Check, Suite
from synthmill_flows.gate.engine import Evaluated, evaluate
from synthmill_flows.gate.findings import finding_of, not_evaluated, verdict_of
from synthmill_flows.gate.layout import Layout
from synthmill_flows.gate.staging import Staged, add_tables, stage
from synthmill_flows.gate.suite import compile_suite, suite_hash
from synthmill_schemas.event import Level
from synthmill_schemas.gate_report import Finding, GateReport, Verdict
from synthmill_schemas.job import JobDocument

_LEVELS = {
    Verdict.PASSED: Level.INFO,
    Verdict.PASSED_WITH_WARNINGS: Level.WARNING,
    Verdict.BLOCKED: Level.ERROR,
}


async def run_gate(services: Services, tenant: str, job_id: str) -> GateReport:
    """Judges the job's records as they are now and stores the report; a rerun on the same records overwrites it.

    Changes neither the job nor the dataset. Raises `JobMissing`, or `Retriable` when the store is away.
    """
    started = time.monotonic()
    job = (await get_job(services.store, tenant, job_id)).document
    status = await count_job(services.store, job)
    compiled = recompile(job.recipe)
    layout = Layout(compiled)
    with TemporaryDirectory(prefix="synthmill-gate-") as folder:
        staged = await stage(in_order(services.store, job), layout, Path(folder) / "records.db")
        suite = compile_suite(compiled, layout, status.requested, staged.records, status.parked)
        findings, evaluated = await asyncio.to_thread(_judge, staged, job.dataset, suite)
    report = _report(job, status, compiled, staged, suite, findings, evaluated.engine)
    page = packed_page(report, evaluated.page.encode())
    seconds = round(time.monotonic() - started, 3)
    report = report.model_copy(update={"page": page.report_id if page else None, "seconds": seconds})
    await save_report(services.store, report, page)
    await _tell(services, report)
    return report


def _judge(staged: Staged, title: str, suite: Suite) -> tuple[list[Finding], Evaluated]:
    add_tables(staged.path, suite)
    possible = [check for check in suite.checks if not _on_nothing(check, staged)]
    evaluated = evaluate(staged, title, possible)
    found = {
        check.name: finding_of(check, answer, staged) for check, answer in zip(possible, evaluated.results, strict=True)
    }
    reason = "no record has this column"
    return [found.get(check.name) or not_evaluated(check, reason) for check in suite.checks], evaluated


def _on_nothing(check: Check, staged: Staged) -> bool:
    """Whether it is about a column that no record has; the check of the columns tells that."""
    return check.column is not None and check.column.split(".")[0] in staged.never_met


def _report(
    job: JobDocument,
    status: Status,
    compiled: CompiledRecipe,
    staged: Staged,
    suite: Suite,
    findings: list[Finding],
    engine: str,
) -> GateReport:
    verdict, reason = verdict_of(findings)
    identity = hashlib.sha256(f"{job.tenant}\n{job.job_id}\n{staged.record_set}".encode()).hexdigest()[:32]
    return GateReport(
        tenant=job.tenant,
        report_id=f"gate-{identity}",
        job_id=job.job_id,
        dataset=job.dataset,
        recipe_hash=compiled.recipe_hash,
        suite_hash=suite_hash(suite),
        record_set=staged.record_set,
        verdict=verdict,
        reason=reason,
        requested=status.requested,
        records=staged.records,
        findings=findings,
        page=None,
        engine=engine,
        seconds=0.0,
    )


async def _tell(services: Services, report: GateReport) -> None:
    passed = len(report.findings) - len(report.failed)
    text = (
        f"job {report.job_id}: the gate says {report.verdict}, {passed} of {len(report.findings)} expectations passed"
    )
    await say(
        services.store,
        "flow",
        f"gate.{report.verdict}",
        f"{text}; {report.reason}" if report.reason else text,
        tenant=report.tenant,
        job_id=report.job_id,
        level=_LEVELS[report.verdict],
        fields={"report_id": report.report_id, "expectations": len(report.findings), "passed": passed},
        event_id=f"{report.report_id}-{report.suite_hash[:8]}-{report.verdict}",
    )
