"""A job's status as displays get it, changed at will."""

from dataclasses import replace
from typing import Any

from synthmill.jobs.status import Status, Tokens
from synthmill_schemas.job import JobState, Outputs

JOB = "3f2a9c1b-7a51-4c40-9a58-0d3c9c5d2b11"


def status(**changes: Any) -> Status:  # noqa: ANN401  any field of a status
    """A job of 200 records, half way."""
    usual = Status(
        job_id=JOB,
        dataset="tickets",
        state=JobState.PLANNED,
        reason=None,
        round=1,
        requested=200,
        accepted=100,
        exhausted=3,
        parked=1,
        open_in_round=96,
        mendable=2,
        candidates=116,
        rejects_by_class={"schema": 12, "duplicate": 4},
        llm_calls=112,
        tokens=Tokens(40_000, 10_000),
        cost_usd=0.25,
        seconds=31.0,
    )
    return replace(usual, **changes)


def completed(**changes: Any) -> Status:  # noqa: ANN401  any field of a status
    """The same job with all its records."""
    files = (Outputs(format="jsonl", path="/data/out/tickets.jsonl", records=200, size=51_200),)
    ended = {"state": JobState.COMPLETED, "accepted": 200, "exhausted": 0, "parked": 0, "outputs": files}
    return status(**{**ended, **changes})
