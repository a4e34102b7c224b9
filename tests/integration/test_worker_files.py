"""What becomes of a job's uploaded files: they go when the last request is confirmed, and not before."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.jobs.documents import change_job
from synthmill.ports.broker import Message
from synthmill.settings import Settings
from synthmill_schemas.ids import job_message_id
from synthmill_schemas.job import JobMessage, JobState
from synthmill_worker.handlers.job import handle_job
from synthmill_worker.handlers.words import Handled
from tests.support.uploads import TENANT, job_of, submitted, upload

JOB = "job-1"


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[EmbeddedServices]:
    async with open_embedded(Settings(home=tmp_path / "home")) as opened:
        yield opened


def message() -> Message:
    """The job's message."""
    return Message(job_message_id(JOB, 1), JobMessage(tenant=TENANT, job_id=JOB).model_dump_json().encode())


async def files(services: EmbeddedServices) -> list[str]:
    """The job's files."""
    return [stored.key async for stored in services.objects.list(f"tmp/{JOB}/")]


async def test_they_go_when_all_requests_are_confirmed(services: EmbeddedServices) -> None:
    await submitted(services)
    assert len(await files(services)) == 1
    assert await handle_job(services, message()) is Handled.PLANNED
    assert await files(services) == []
    assert (await job_of(services)).temporary_files == "deleted"


@pytest.mark.parametrize(("state", "handled"), [("planned", Handled.DONE_BEFORE), ("completed", Handled.STALE)])
async def test_what_a_worker_left_that_died_then_goes_with_the_next_delivery(
    services: EmbeddedServices, state: str, handled: Handled
) -> None:
    source = (await submitted(services)).sources[0]
    await handle_job(services, message())
    await services.objects.put(source.object_key, upload("products.csv", b"title\nlamp\n").read())
    await change_job(services.store, TENANT, JOB, lambda _: {"temporary_files": "kept", "state": JobState(state)})
    assert await handle_job(services, message()) is handled
    assert await files(services) == []


async def test_they_stay_while_their_seeds_are_not_stored(services: EmbeddedServices) -> None:
    await submitted(services)
    await change_job(services.store, TENANT, JOB, lambda _: {"state": JobState.CANCELLED})
    assert await handle_job(services, message()) is Handled.STALE
    assert len(await files(services)) == 1
