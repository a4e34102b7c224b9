"""How a job ended, for people and for programs."""

import io
import json
from collections.abc import Sequence

import pytest
from rich.console import Console

from synthmill.cli.consoles import THEME
from synthmill.cli.interrupts import Interrupted
from synthmill.cli.session import exit_code
from synthmill.cli.summary import as_json, summary
from synthmill.errors import StorageFull
from synthmill.jobs.status import Status
from synthmill_schemas.job import JobState
from tests.support.statuses import JOB, completed, status


def printed(status: Status, examples: Sequence[str] = (), reason: str | None = None) -> str:
    console = Console(file=io.StringIO(), width=160, record=True, theme=THEME)
    console.print(summary(status, examples, reason=reason), soft_wrap=True)
    return console.export_text()


def test_the_four_kinds_of_slots_add_up_to_what_was_asked_for() -> None:
    assert "200 = 100 accepted + 3 exhausted + 1 parked + 96 pending" in printed(status())
    numbers = as_json(status())
    assert numbers["requested"] == sum(numbers[kind] for kind in ("accepted", "exhausted", "parked", "pending"))


def test_a_complete_job_shows_its_files_and_a_way_to_look_at_them() -> None:
    text = printed(completed())
    assert "200 records in 31 s" in text
    assert "/data/out/tickets.jsonl  200 records, 51.2 kB" in text
    assert "head -n 3 /data/out/tickets.jsonl" in text
    assert "resume" not in text


def test_an_incomplete_job_says_why_with_examples_and_what_to_try() -> None:
    failed = status(state=JobState.FAILED, accepted=196, parked=1)
    text = printed(failed, ["schema slot 7: mood: not one of"], "3 slots could not be filled")
    for part in ("3 slots could not be filled", "schema slot 7: mood: not one of", "tries the 3 open slots only"):
        assert part in text
    assert "synthmill resume 3f2a9c1b" in text
    assert "synthmill logs 3f2a9c1b" in text


def test_a_job_with_nothing_but_parked_slots_left_does_not_advise_to_resume() -> None:
    parked = status(state=JobState.COMPLETED_WITH_PARKED, accepted=199, exhausted=0, parked=1)
    assert "synthmill resume" not in printed(parked)


def test_an_unknown_cost_is_said_to_be_unknown() -> None:
    assert "unknown  50,000 tokens in 112 calls" in printed(completed(cost_usd=None))
    assert as_json(completed(cost_usd=None))["cost_usd"] is None


def test_the_json_object_has_every_promised_member() -> None:
    shown = json.loads(json.dumps(as_json(completed(), reason="x")))
    assert set(shown) >= {
        "job_id", "requested", "accepted", "exhausted", "parked", "pending", "rejects_by_class", "llm_calls",
        "tokens", "cost_usd", "seconds", "outputs", "state", "reason", "round",
    }  # fmt: skip
    assert shown["job_id"] == JOB
    assert shown["tokens"] == {"prompt": 40_000, "completion": 10_000}
    assert shown["outputs"][0]["records"] == 200


@pytest.mark.parametrize(
    ("ended", "failure", "code"),
    [
        (completed(), None, 0),
        (status(state=JobState.FAILED), None, 1),
        (status(state=JobState.COMPLETED_WITH_PARKED), None, 1),
        (status(state=JobState.CANCELLED), None, 1),
        (status(state=JobState.BLOCKED), None, 75),
        (status(), Interrupted("stopped", 130), 130),
        (completed(), StorageFull("no space"), 74),
    ],
)
def test_only_a_whole_dataset_ends_with_zero(ended: Status, failure: Exception | None, code: int) -> None:
    assert exit_code(ended, failure) == code
