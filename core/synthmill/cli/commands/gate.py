"""`synthmill gate`: what the release gate found in a job's records."""

import asyncio
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from synthmill.cli import consoles, options, words
from synthmill.cli.opening import with_job
from synthmill.errors import ObjectMissing
from synthmill.jobs.gate_reports import get_report, page_of
from synthmill.services import Services
from synthmill_schemas.gate import Severity
from synthmill_schemas.gate_report import Finding, GateReport, Outcome, Verdict

_BLOCKED_EXIT = 1
_EXAMPLES = 3
_TONES = {Verdict.PASSED: "good", Verdict.PASSED_WITH_WARNINGS: "doubt", Verdict.BLOCKED: "bad"}


@click.command("gate")
@options.job_argument
@click.option("--all", "everything", is_flag=True, help="also the expectations that passed")
@click.option(
    "--html",
    "page",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="write the page that Great Expectations made of it",
)
@options.json_option
def gate_command(job: str, everything: bool, page: Path | None, as_json: bool) -> None:
    """Show what the release gate found in the records of JOB; exit code 1 when it blocks them.

    The gate runs when a job has ended: on the stack always, elsewhere when the recipe has a gate section.
    """
    report = with_job(job, lambda services, job_id: _find(services, job_id, page))
    if as_json:
        consoles.print_json(report.model_dump(mode="json"))
    else:
        _show(report, everything=everything)
    if report.verdict is Verdict.BLOCKED:
        raise click.exceptions.Exit(_BLOCKED_EXIT)


async def _find(services: Services, job_id: str, page: Path | None) -> GateReport:
    report = await get_report(services.store, services.settings.tenant, job_id)
    if page is not None:
        html = await page_of(services, report)
        if html is None:
            raise ObjectMissing(f"the page of job {report.job_id} was too big to be kept; --json has all of it")
        await asyncio.to_thread(page.write_bytes, html)
    return report


def _show(report: GateReport, *, everything: bool) -> None:
    failed = report.failed
    passed = len(report.findings) - len(failed)
    verdict = Text(report.verdict.replace("_", " "), _TONES[report.verdict])
    counted = f"{passed} of {len(report.findings)} expectations passed over {words.counted(report.records, 'record')}"
    consoles.show(Text.assemble((report.dataset, "name"), ": ", verdict, f"; {counted}"))
    shown = [*failed, *(each for each in report.findings if each.outcome is Outcome.PASSED)] if everything else failed
    if shown:
        consoles.show(_table(shown))


def _table(findings: list[Finding]) -> Table:
    table = Table(box=None, padding=(0, 2), pad_edge=False, header_style="quiet")
    for title in ("expectation", "", "records", "expects", "found"):
        table.add_column(title, overflow="fold")
    for finding in findings:
        count = "" if finding.unexpected is None else f"{finding.unexpected:,}"
        table.add_row(finding.name, _outcome(finding), count, finding.expects, _found(finding))
    return table


def _outcome(finding: Finding) -> Text:
    if finding.outcome is Outcome.PASSED:
        return Text("passed", "good")
    return Text("blocks", "bad") if finding.severity is Severity.BLOCK else Text("warns", "doubt")


def _found(finding: Finding) -> str:
    if finding.reason is not None:
        return finding.reason
    examples = (f"{each.record_id or ''} {each.value!r}".strip() for each in finding.examples[:_EXAMPLES])
    observed = "" if finding.observed is None or isinstance(finding.observed, list) else str(finding.observed)
    return "; ".join(examples) or observed
