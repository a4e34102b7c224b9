"""A small job planned by its submitter: whenever that one dies, a worker finishes it, or nobody pays for it."""

import dataclasses
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.errors import BrokerUnavailable
from synthmill.jobs.at_once import submit_at_once
from synthmill.jobs.documents import change_job, find_job, jobs_of
from synthmill.jobs.order import JobOrder
from synthmill.jobs.reconcile import reconcile
from synthmill.jobs.submit import stage
from synthmill.ports.broker import Queue
from synthmill.ports.records import RecordStore
from synthmill.recipes import compile_recipe
from synthmill.settings import JobSettings, Settings, WorkerSettings
from synthmill_schemas.base import now
from synthmill_schemas.generation import GenerationRequest
from synthmill_schemas.job import JobDocument, JobState, Lease
from tests.support.crashing import Crashing, Died
from tests.support.jobs import TENANT
from tests.support.uploads import recipe_data, taken, upload, worked

JOB = "job-1"
ROWS = b'{"title": "lamp"}\n{"title": "chair"}\n{"title": "desk"}\n'
MOST_WRITES = 40


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[EmbeddedServices]:
    """Services for which everything is overdue at once, and of which each request is a chunk of its own."""
    job, worker = JobSettings(resend_seconds=1e-6), WorkerSettings(publish_chunk=1)
    async with open_embedded(Settings(home=tmp_path / "home", job=job, worker=worker)) as opened:
        yield opened


def order(*, keyless: bool = False) -> JobOrder:
    return JobOrder(TENANT, JOB, compile_recipe(recipe_data()), [upload("rows.jsonl", ROWS)], keyless=keyless)


async def found(services: EmbeddedServices) -> JobDocument | None:
    job = await find_job(services.store, TENANT, JOB)
    return None if job is None else job.document


async def let_the_lease_end(services: EmbeddedServices) -> None:
    over = Lease(owner="somebody who died", expires_at=now() - timedelta(seconds=1))
    await change_job(services.store, TENANT, JOB, lambda job: {"planner": over} if job.planner else None)


async def test_whenever_the_submitter_dies_a_worker_finishes_the_job(services: EmbeddedServices) -> None:
    """One death after the other, each at a later write, until a submitter lives."""
    for at in range(MOST_WRITES):
        dying = dataclasses.replace(services, store=cast(RecordStore, Crashing(services.store, at)))
        try:
            await submit_at_once(dying, order(), by="api")
        except Died:
            pass
        else:
            break
        job = await found(services)
        if job is None:
            continue
        left = "kept" if job.state is JobState.PLANNED else "deleted"  # a file of a planned job is for the sweep
        await let_the_lease_end(services)
        await reconcile(services)
        await worked(services)
        job = await found(services)
        assert job is not None
        assert (job.state, job.records, job.temporary_files) == (JobState.PLANNED, 3, left), at
        slots = [s.slot for body in await taken(services) for s in GenerationRequest.model_validate_json(body).slots]
        assert sorted(slots) == [0, 1, 2], at  # none twice: what was confirmed was noted
        await services.store.delete(jobs_of(TENANT), [JOB])
    else:
        raise AssertionError("every submitter died")
    assert at > 10


async def test_one_that_nobody_was_told_of_or_can_ask_for_is_given_up(services: EmbeddedServices) -> None:
    await stage(services, order(keyless=True))
    assert (await reconcile(services, dry_run=True)).given_up == 1
    assert (await reconcile(services)).given_up == 1
    job = await found(services)
    assert job is not None
    assert (job.state, "no Idempotency-Key" in str(job.reason)) == (JobState.CANCELLED, True)
    assert (await services.broker.depth(Queue.JOBS)).ready == 0
    assert (await reconcile(services)).given_up == 0


async def test_one_whose_requests_are_out_in_part_is_finished_even_so(services: EmbeddedServices) -> None:
    """They may have been paid."""
    for at in range(MOST_WRITES):
        dying = dataclasses.replace(services, store=cast(RecordStore, Crashing(services.store, at)))
        with pytest.raises(Died):
            await submit_at_once(dying, order(keyless=True), by="api")
        job = await found(services)
        if job is not None and job.checkpoint is not None:
            break
        await services.store.delete(jobs_of(TENANT), [JOB])
    await let_the_lease_end(services)
    repairs = await reconcile(services)
    assert (repairs.given_up, repairs.resent) == (0, 1)
    await worked(services)
    assert (await found(services) or pytest.fail("no job")).state is JobState.PLANNED


async def test_a_broker_that_confirms_the_requests_and_not_the_message_is_no_failure(
    services: EmbeddedServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = type(services.broker).publish

    async def half(broker: object, queue: Queue, messages: object) -> None:
        if queue is Queue.JOBS:
            raise BrokerUnavailable("gone")
        await publish(broker, queue, messages)  # type: ignore[arg-type]

    monkeypatch.setattr(type(services.broker), "publish", half)
    assert (await submit_at_once(services, order(), by="api")).state is JobState.PLANNED


async def test_a_job_that_somebody_plans_for_too_long_is_announced_to_the_workers(
    services: EmbeddedServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synthmill.jobs.at_once._PATIENCE_SECONDS", 0.0)
    await stage(services, order())
    lease = Lease(owner="another API", expires_at=now() + timedelta(minutes=1))
    await change_job(services.store, TENANT, JOB, lambda _: {"planner": lease})
    job = await submit_at_once(services, order(), by="api")
    assert job.state is JobState.PUBLISHED
    assert (await services.broker.depth(Queue.JOBS)).ready == 1
