"""What the gate found in a job's finished records: the verdict and one finding for each expectation."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field, JsonValue

from synthmill_schemas.base import DEFAULT_TENANT, Contract, Count, JobId, JsonObject, Name, Sha256, now
from synthmill_schemas.gate import Severity


class Verdict(StrEnum):
    """Whether the records may be released."""

    PASSED = "passed"
    PASSED_WITH_WARNINGS = "passed_with_warnings"  # released, but somebody should look
    BLOCKED = "blocked"  # not released; the dataset's `latest` stays where it is


class Outcome(StrEnum):
    """What came of one expectation."""

    PASSED = "passed"
    FAILED = "failed"
    BROKEN = "broken"  # it could not be evaluated, which counts as failed


class Example(Contract):
    """A record that does not comply, or for an expectation about the whole a value."""

    record_id: str | None
    value: JsonValue


class Finding(Contract):
    """One expectation and what was found."""

    name: str = Field(description="one of its kind in the report, e.g. price.range")
    expects: str = Field(description="in words")
    expectation: str = Field(description="the type by its name in Great Expectations")
    column: str | None
    origin: Literal["recipe", "gate"] = Field(description="gate: declared in the recipe's gate section")
    severity: Severity
    outcome: Outcome
    parameters: JsonObject = Field(description="as they were given to the engine, long lists cut")
    observed: JsonValue = Field(description="a number, or what was counted; none for expectations about each record")
    unexpected: Count | None = Field(description="records that do not comply; none: it is about the whole")
    unexpected_share: float | None = Field(description="of the records that have a value")
    examples: list[Example] = Field(description="the first few")
    reason: str | None = Field(None, description="why it could not be evaluated")


class GateReport(Contract):
    """Stored among the reports; `_id` = `report_id`. The same records of the same job give the same id."""

    version: Literal[1] = 1
    kind: Literal["gate"] = "gate"
    tenant: Name = DEFAULT_TENANT
    report_id: str = Field(description="gate-{hash of tenant, job and record set}")
    job_id: JobId
    dataset: Name
    recipe_hash: Sha256
    suite_hash: Sha256 = Field(description="of all expectations with their parameters")
    record_set: Sha256 = Field(description="of all record ids and contents, in the order of the slots")
    verdict: Verdict
    reason: str | None = Field(description="which expectations block or warn, and how many")
    requested: Count
    records: Count
    findings: list[Finding]
    page: str | None = Field(description="id of the document that has the same as an HTML page; none: it was too big")
    engine: str = Field(description="name and version")
    seconds: float
    at: datetime = Field(default_factory=now)

    @property
    def failed(self) -> list[Finding]:
        """Findings that did not pass, those that block first."""
        failed = [finding for finding in self.findings if finding.outcome is not Outcome.PASSED]
        return sorted(failed, key=lambda finding: finding.severity is not Severity.BLOCK)


class GatePage(Contract):
    """The page that Great Expectations renders of a report (Data Docs); `_id` = `report_id`."""

    version: Literal[1] = 1
    kind: Literal["gate_page"] = "gate_page"
    tenant: Name = DEFAULT_TENANT
    report_id: str = Field(description="{id of the report}-page")
    job_id: JobId
    dataset: Name
    encoding: Literal["gzip+base64"] = "gzip+base64"
    size: Count = Field(description="bytes of the page, unpacked")
    body: str
    at: datetime = Field(default_factory=now)
