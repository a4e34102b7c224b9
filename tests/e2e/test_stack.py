"""The whole data flow on the real servers, every service a process: files over HTTP in, records over HTTP out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from synthmill.ports.records import Collection
from tests.support import bucket
from tests.support.facts import assert_all_accepted, paid_twice
from tests.support.indices import Indices
from tests.support.installation import Installation, installation
from tests.support.killing import answered
from tests.support.on_stack import ON_STACK
from tests.support.provider import Provider, read_calls, start_provider
from tests.support.stack_jobs import assert_each_on_its_row, recipe, rows
from tests.support.wait import until

pytestmark = [pytest.mark.e2e, *ON_STACK]

ROWS, FEW_ROWS = 10_000, 400
BATCH = 4


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    """One that lets a caller wait, as models do."""
    with start_provider(tmp_path, latency_ms=100) as provider:
        yield provider


def test_ten_thousand_rows_become_ten_thousand_records(tmp_path: Path, provider: Provider) -> None:
    with installation(tmp_path, provider.url, workers=2, consumers=2) as mill:
        client = mill.client
        wanted = {client.upload("products.csv", rows(ROWS)): ROWS, client.upload("few.csv", rows(FEW_ROWS)): FEW_ROWS}
        # a job is planned by one worker; with two jobs each worker has one; of one seed they would be duplicates
        jobs = {client.order(recipe(batch=BATCH, seed=count), source): count for source, count in wanted.items()}
        for job_id, count in jobs.items():
            client.completed(job_id, count, seconds=240)
            assert_complete(mill, job_id, count)
        assert_polled_on_the_way(client.polls)
        assert paid_twice(answered(provider)) == 0
        assert_all_took_part(mill)
        assert_all_kinds_of_data_are_there(mill, jobs)

        assert not [key for key in bucket.keys(mill.settings.minio) if not key.startswith("tmp/sources/")]
        for source in wanted:  # a client's own copy, kept for further jobs
            assert client.http.delete(f"/v1/sources/{source}").status_code == 204
        assert bucket.keys(mill.settings.minio) == []


def assert_complete(mill: Installation, job_id: str, count: int) -> None:
    """All slots accepted, by a scan past the services, each on its own row; the API shows the very same records."""
    with Indices(mill.settings.elasticsearch) as indices:
        slots = indices.slots(job_id)
        assert_all_accepted(indices.job(job_id), slots, count)
    assert_each_on_its_row(slots)
    shown = list(mill.client.records(job_id))
    assert [record["id"] for record in shown] == [f"{job_id}-{slot}" for slot in range(count)]
    assert [record["data"] for record in shown] == [slot["data"] for slot in slots]


def assert_polled_on_the_way(polls: list[dict[str, Any]]) -> None:
    """The identity was seen to hold (the client checks each) before, while and after records came."""
    moments = [(poll["requested"] > 0, poll["accepted"] > 0, poll["pending"] > 0) for poll in polls]
    assert (True, True, True) in moments
    assert (True, True, False) in moments
    assert len(polls) > 5


def assert_all_took_part(mill: Installation) -> None:
    """Each worker planned a job, each consumer answered a good part of the calls."""
    for worker in mill.workers:
        assert any(str(line["message"]).endswith("on jobs: planned") for line in worker.logged()), worker.name
    calls = [consumer.total("synthmill_consumer_llm_calls_total") for consumer in mill.consumers]
    assert min(calls) > sum(calls) / 10, calls


def assert_all_kinds_of_data_are_there(mill: Installation, jobs: dict[str, int]) -> None:
    """Inputs, records, status, events and configuration, with the ledger of calls, all in Elasticsearch."""
    stored = mill.client.http.post("/v1/recipes", json=recipe())
    assert stored.status_code in (200, 201), stored.text
    with Indices(mill.settings.elasticsearch) as indices:
        assert indices.count(Collection.INPUTS) == sum(jobs.values())
        assert {job["job_id"]: job["state"] for job in indices.documents(Collection.JOBS)} == dict.fromkeys(
            jobs, "completed"
        )
        for job_id, count in jobs.items():
            told = {event["name"] for event in indices.documents(Collection.EVENTS, job_id)}
            assert {"job.published", "source.stored", "job.planned", "job.completed"} <= told
            assert indices.count(Collection.CALLS, job_id) == count / BATCH
        assert [found["recipe"]["name"] for found in indices.documents(Collection.RECIPES)] == [recipe()["name"]]


def test_a_consumer_that_comes_during_a_job_takes_its_share(tmp_path: Path) -> None:
    limit, count = 8, 2_000
    # bound by latency: one consumer cannot have more calls in flight than its limit
    with (
        start_provider(tmp_path, latency_ms=250) as provider,
        installation(tmp_path, provider.url, SYNTHMILL_CONSUMER__CONCURRENCY=str(limit)) as mill,
    ):
        job_id = mill.client.order(recipe(), mill.client.upload("products.csv", rows(count)))
        until(lambda: len(read_calls(provider.log)) > 100, "the first consumer at work")
        alone = read_calls(provider.log)
        added = mill.add_consumer()
        mill.client.completed(job_id, count)
        together = read_calls(provider.log)[len(alone) :]
        assert max(call["in_flight"] for call in alone) <= limit
        assert max(call["in_flight"] for call in together) > limit
        assert added.total("synthmill_consumer_llm_calls_total") > len(together) / 4
        assert paid_twice(answered(provider)) == 0
        assert_complete(mill, job_id, count)
