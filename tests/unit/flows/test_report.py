"""What people read at the end of a run."""

from synthmill_flows.report import funnel, report
from synthmill_schemas.job import JobState
from tests.support.statuses import completed, status


def test_the_funnel_adds_up_and_names_every_reject_class() -> None:
    rows = {row["what"]: row["count"] for row in funnel(status())}
    assert rows["requested"] == 200
    assert rows["requested"] == sum(int(rows[what]) for what in ("accepted", "exhausted", "parked", "pending"))
    assert rows["tried"] == 116
    assert rows["rejected: schema"] == 12
    assert rows["rejected: duplicate"] == 4


def test_the_report_tells_where_the_files_are() -> None:
    assert "| `/data/out/tickets.jsonl` | 200 | 51200 |" in report(completed()).splitlines()


def test_the_report_of_a_job_that_stopped_gives_the_reason() -> None:
    text = report(status(state=JobState.BLOCKED, reason="the provider refuses the key"))
    assert "**blocked**: the provider refuses the key" in text
    assert "100 of 200" in text


def test_an_unknown_cost_is_not_reported_as_nothing() -> None:
    assert "cost not known" in report(status(cost_usd=None))
    assert "0.2500 USD" in report(status(cost_usd=0.25))
