"""The engine's answers as findings, and the verdict over them."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from synthmill_flows.gate.checks import Check
from synthmill_flows.gate.engine import EXAMPLES
from synthmill_flows.gate.layout import RECORD_ID
from synthmill_flows.gate.staging import Row, Staged, some_rows
from synthmill_schemas.base import JsonObject
from synthmill_schemas.gate import Severity
from synthmill_schemas.gate_report import Example, Finding, Outcome, Verdict

_SHOWN_CHARACTERS = 200
_SHOWN_VALUES = 20
_NAMED = 8
_QUERY = "unexpected_rows_query"

Answer = Mapping[str, Any]


def finding_of(check: Check, answer: Answer, staged: Staged) -> Finding:
    """What one check came to; `answer` is the engine's result as JSON."""
    result: Answer = answer["result"]
    broken = _exception(answer["exception_info"])
    outcome = Outcome.BROKEN if broken else Outcome.PASSED if answer["success"] else Outcome.FAILED
    rows = some_rows(staged.path, check.parameters[_QUERY], EXAMPLES) if _asked(check, outcome) else []
    return Finding(
        name=check.name,
        expects=check.expects,
        expectation=check.type,
        column=check.column,
        origin=check.origin,
        severity=check.severity,
        outcome=outcome,
        parameters=_shortened(check.parameters),
        observed=_observed(result),
        unexpected=result.get("unexpected_count"),
        unexpected_share=_share(result),
        examples=[_row_example(row) for row in rows] or _examples(result),
        reason=broken,
    )


def not_evaluated(check: Check, reason: str) -> Finding:
    """A check that there is nothing to try on."""
    return Finding(
        name=check.name,
        expects=check.expects,
        expectation=check.type,
        column=check.column,
        origin=check.origin,
        severity=check.severity,
        outcome=Outcome.BROKEN,
        parameters=_shortened(check.parameters),
        observed=None,
        unexpected=None,
        unexpected_share=None,
        examples=[],
        reason=reason,
    )


def verdict_of(findings: Sequence[Finding]) -> tuple[Verdict, str | None]:
    """Blocked when an expectation that blocks did not pass; the reason names the first of them."""
    failed = [finding for finding in findings if finding.outcome is not Outcome.PASSED]
    blocking = [finding for finding in failed if finding.severity is Severity.BLOCK]
    if blocking:
        return Verdict.BLOCKED, f"{_counted(blocking)} failed: {_listed(blocking)}"
    if failed:
        return Verdict.PASSED_WITH_WARNINGS, f"{_counted(failed)} only warned: {_listed(failed)}"
    return Verdict.PASSED, None


def _counted(findings: Sequence[Finding]) -> str:
    return "1 expectation" if len(findings) == 1 else f"{len(findings)} expectations"


def _listed(findings: Sequence[Finding]) -> str:
    shown = ", ".join(_named(finding) for finding in findings[:_NAMED])
    return shown + (f" and {len(findings) - _NAMED} more" if len(findings) > _NAMED else "")


def _named(finding: Finding) -> str:
    count = finding.unexpected
    return f"{finding.name} ({count} record{'s' * (count > 1)})" if count else finding.name


def _asked(check: Check, outcome: Outcome) -> bool:
    return outcome is Outcome.FAILED and _QUERY in check.parameters


def _exception(info: Answer) -> str | None:
    """The engine gives one exception, or one for each metric under its id."""
    if info.get("raised_exception"):
        return str(info.get("exception_message"))[:_SHOWN_CHARACTERS]
    for each in info.values():
        if isinstance(each, Mapping) and each.get("raised_exception"):
            return str(each.get("exception_message"))[:_SHOWN_CHARACTERS]
    return None


def _observed(result: Answer) -> JsonValue:
    observed = result.get("observed_value")
    if isinstance(observed, list):
        return [_cut(value) for value in observed[:_SHOWN_VALUES]]
    return _cut(observed)


def _share(result: Answer) -> float | None:
    """Great Expectations speaks of per cent."""
    percent = result.get("unexpected_percent")
    return None if percent is None else float(percent) / 100


def _examples(result: Answer) -> list[Example]:
    """Values with the ids of their records, as far as the engine tells them."""
    indexed = result.get("partial_unexpected_index_list") or []
    examples = [_indexed(entry) for entry in indexed[:EXAMPLES] if isinstance(entry, Mapping)]
    values = result.get("partial_unexpected_list") or []
    return examples or [Example(record_id=None, value=_cut(value)) for value in values[:EXAMPLES]]


def _indexed(entry: Mapping[str, Any]) -> Example:
    values = {name: _cut(value) for name, value in entry.items() if name != RECORD_ID}
    value: JsonValue = next(iter(values.values())) if len(values) == 1 else dict(values)
    return Example(record_id=str(entry[RECORD_ID]), value=value if values else None)


def _row_example(row: Row) -> Example:
    record_id = row.get("record_id")
    values: JsonValue = {name: _cut(value) for name, value in row.items() if name != "record_id"}
    return Example(record_id=record_id, value=values)


def _shortened(parameters: JsonObject) -> JsonObject:
    """A suite of ten thousand values stays a readable report."""
    return {
        name: [*value[:_SHOWN_VALUES], f"and {len(value) - _SHOWN_VALUES} more"]
        if isinstance(value, list) and len(value) > _SHOWN_VALUES
        else value
        for name, value in parameters.items()
    }


def _cut(value: object) -> JsonValue:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(name): _cut(item) for name, item in list(value.items())[:_SHOWN_VALUES]}
    text = str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
