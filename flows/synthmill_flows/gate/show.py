"""A gate report for people: rows of a table and Markdown, as Prefect's artifacts take them."""

import json

from synthmill_schemas.gate_report import Example, Finding, GateReport

Row = dict[str, str | int | float]
_ROWS = 200
_EXAMPLES = 3


def gate_rows(report: GateReport) -> list[Row]:
    """One row for each expectation, those that failed first; at most 200."""
    failed = report.failed
    names = {finding.name for finding in failed}
    rest = [finding for finding in report.findings if finding.name not in names]
    return [_row(finding) for finding in [*failed, *rest][:_ROWS]]


def gate_markdown(report: GateReport) -> str:
    """The verdict, and what failed with examples."""
    passed = len(report.findings) - len(report.failed)
    counted = f"{passed} of {len(report.findings)} expectations passed over {report.records} records"
    told = f"{counted} of job `{report.job_id}` ({report.engine}, {report.seconds:.1f} s)."
    lines = [f"# {report.dataset}: {report.verdict.replace('_', ' ')}", "", told]
    if report.failed:
        lines += ["", "| expectation | severity | records | examples |", "|---|---|---|---|"]
        lines += [_line(finding) for finding in report.failed]
    return "\n".join(lines)


def _row(finding: Finding) -> Row:
    return {
        "expectation": finding.name,
        "expects": finding.expects,
        "outcome": finding.outcome.value,
        "severity": finding.severity.value,
        "unexpected": "" if finding.unexpected is None else finding.unexpected,
        "observed": "" if finding.observed is None else json.dumps(finding.observed, ensure_ascii=False)[:100],
    }


def _line(finding: Finding) -> str:
    told = finding.reason or "; ".join(_example(example) for example in finding.examples[:_EXAMPLES])
    count = "" if finding.unexpected is None else str(finding.unexpected)
    name = f"`{_cell(finding.name)}` {_cell(finding.expects)}"
    return f"| {name} | {finding.severity} | {count} | {_cell(told)} |"


def _example(example: Example) -> str:
    value = json.dumps(example.value, ensure_ascii=False)
    return value if example.record_id is None else f"{example.record_id}: {value}"


def _cell(text: str) -> str:
    """Text of a model must not end a cell or become a link or HTML."""
    flat = " ".join(text.split())
    for sign in ("\\", "|", "<", "[", "`", "*"):
        flat = flat.replace(sign, f"\\{sign}")
    return flat
