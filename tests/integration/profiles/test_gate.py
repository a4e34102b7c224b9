"""The gate's report where records really lie: judged there, stored there, found there."""

import warnings

from synthmill.jobs.gate_reports import get_report, page_of
from synthmill.services import Services
from synthmill_flows.gate.run import run_gate
from synthmill_schemas.gate_report import Verdict
from tests.support.gated import DATASET, Data, finished_job, recipe

JOB = "job-1"


def cheaper(data: Data) -> None:
    """Below the recipe's range."""
    data["price"] = 0.5


async def test_a_report_is_kept_with_its_page_and_the_last_one_counts(services: Services) -> None:
    tenant, store, made = services.settings.tenant, services.store, recipe(gate={})
    await store.ensure_dataset(tenant, DATASET, made.record_schema, job_id=JOB)
    await finished_job(store, JOB, made, {5: cheaper}, tenant=tenant)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what great_expectations and pandas say of themselves
        report = await run_gate(services, tenant, JOB)
        again = await run_gate(services, tenant, JOB)
    assert (report.verdict, report.reason) == (
        Verdict.BLOCKED,
        "2 expectations failed: schema (1 record), price.range (1 record)",
    )
    (priced,) = [finding for finding in report.failed if finding.name == "price.range"]
    assert [(example.record_id, example.value) for example in priced.examples] == [("job-1-5", 0.5)]
    assert again.report_id == report.report_id
    assert await get_report(store, tenant, JOB) == again
    page = await page_of(services, again)
    assert page is not None
    assert b"ticket.subject" in page
