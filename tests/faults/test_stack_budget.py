"""A cap on tokens with two consumers on one job: they share one account, whoever of them is killed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.facts import assert_all_accepted, paid_twice
from tests.support.killing import answered
from tests.support.on_stack import ON_STACK
from tests.support.scene import Scene, Servers, scene
from tests.support.stack_jobs import rows
from tests.support.wait import until

pytestmark = [pytest.mark.e2e, *ON_STACK]

RECORDS = 80
CAP = 7_000
"""Tokens; the records take about twice as many."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    servers = Servers(tmp_path_factory.mktemp("indices"))
    yield servers
    servers.close()


def ordered(at: Scene, **target: Any) -> str:  # noqa: ANN401  any part of a target
    source = at.mill.client.upload("products.csv", rows(RECORDS))
    model = {"route": "mock/one", "parameters": {"max_tokens": 600}}
    return at.mill.client.order(at.recipe(model=model, target=target), source)


def paused(at: Scene, job_id: str) -> dict[str, Any]:
    """The job once it is paused and its calls are settled, with its budget under `budget`."""

    def look() -> dict[str, Any]:
        budget = at.mill.client.http.get(f"/v1/jobs/{job_id}/budget").json()
        job = at.mill.client.progress(job_id)
        assert job is None or job["state"] not in ("completed", "failed", "blocked"), job
        if job is None or job["state"] != "paused" or budget["reserved_tokens"]:
            return {}
        # the account may be written a moment before the ledger
        in_ledger = job["prompt_tokens"] + job["completion_tokens"]
        settled = in_ledger >= budget["spent_tokens"] - budget["assumed_tokens"]
        return {**job, "budget": budget} if settled else {}

    job = until(look, "the pause", seconds=120)
    parts = [job[kind] for kind in ("accepted", "exhausted", "parked", "pending")]
    assert job["requested"] == sum(parts) == RECORDS
    assert 0 < job["accepted"] < RECORDS
    assert f"of max_tokens {job['max_tokens']} are spent" in job["reason"]
    return job


def raised(at: Scene, job_id: str) -> None:
    """A higher cap lets the job end with every record once."""
    changed = at.mill.client.http.patch(f"/v1/jobs/{job_id}", json={"max_tokens": 20 * CAP})
    assert changed.status_code == 200, changed.text
    at.mill.client.completed(job_id, RECORDS, seconds=120)
    assert_all_accepted(at.indices.job(job_id), at.indices.slots(job_id), RECORDS)


def test_two_consumers_share_one_account(tmp_path: Path, servers: Servers) -> None:
    with scene(tmp_path, servers, 1) as at:
        job_id = ordered(at, max_tokens=CAP)
        job = paused(at, job_id)
        spent = job["prompt_tokens"] + job["completion_tokens"]
        assert spent == job["budget"]["spent_tokens"] <= CAP
        assert job["budget"]["used_up"]
        print(f"{spent} of {CAP} tokens for {job['accepted']} of {RECORDS} records")
        raised(at, job_id)
        assert paid_twice(answered(at.provider)) == 0


@pytest.mark.long
def test_a_killed_consumer_neither_passes_the_cap_nor_locks_it(tmp_path: Path, servers: Servers) -> None:
    with scene(tmp_path, servers, 2) as at:
        job_id = ordered(at, max_tokens=CAP)
        at.until_answered(6)
        at.mill.consumers[0].kill()
        at.mill.consumers[0].start()
        job = paused(at, job_id)
        assert job["prompt_tokens"] + job["completion_tokens"] <= job["budget"]["spent_tokens"] <= CAP
        raised(at, job_id)
