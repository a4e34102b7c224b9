"""Submitting is a chain of steps that can be taken up wherever a crash left it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from synthmill.embedded import EmbeddedServices
from synthmill.errors import InputUnusable, ObjectMissing, UserError
from synthmill.jobs.documents import change_job, get_job
from synthmill.jobs.order import InputFile, JobOrder, input_file
from synthmill.jobs.submit import publish, stage, submit
from synthmill.ports.broker import Message, Queue
from synthmill_schemas.job import JobMessage, JobState
from tests.support.jobs import TENANT

Order = Callable[..., JobOrder]


async def queued(services: EmbeddedServices) -> int:
    return (await services.broker.depth(Queue.JOBS)).ready


async def test_a_submitted_job_is_published_with_one_message_that_names_it(
    services: EmbeddedServices, order: Order
) -> None:
    job = await submit(services, order())
    assert job.state is JobState.PUBLISHED
    async with services.broker.consume(Queue.JOBS, prefetch=1) as consumption:
        delivery = await anext(aiter(consumption))
    assert delivery.message.message_id == "job-1"
    assert JobMessage.model_validate_json(delivery.message.body).round == 1


async def test_submitting_again_changes_nothing(services: EmbeddedServices, order: Order) -> None:
    first = await submit(services, order())
    second = await submit(services, order())
    assert second == first
    assert await queued(services) == 1


@pytest.mark.parametrize("state", [JobState.CREATED, JobState.PUBLISHING])
async def test_a_submit_that_died_on_the_way_is_taken_up(
    services: EmbeddedServices, order: Order, state: JobState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synthmill.jobs.submit._PATIENCE_SECONDS", 0.1)
    await stage(services, order())
    await change_job(services.store, TENANT, "job-1", lambda _: {"state": state})
    assert (await submit(services, order())).state is JobState.PUBLISHED
    assert await queued(services) == 1


async def test_a_job_that_a_fast_worker_planned_stays_planned(services: EmbeddedServices, order: Order) -> None:
    await submit(services, order())
    await change_job(services.store, TENANT, "job-1", lambda _: {"state": JobState.PLANNED})
    assert (await publish(services, TENANT, "job-1")).state is JobState.PLANNED
    assert await queued(services) == 1


async def test_twenty_submits_at_once_make_one_job(services: EmbeddedServices, order: Order) -> None:
    jobs = await asyncio.gather(*(submit(services, order()) for _ in range(20)))
    assert {job.state for job in jobs} == {JobState.PUBLISHED}
    assert await queued(services) == 1


async def test_of_twenty_submits_at_once_one_sends_the_message(
    services: EmbeddedServices, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded broker takes twenty for one, other brokers do not."""
    sent: list[str] = []
    really = services.broker.publish

    async def publishing(queue: Queue, messages: Sequence[Message]) -> None:
        sent.extend(message.message_id for message in messages)
        await really(queue, messages)

    monkeypatch.setattr(services.broker, "publish", publishing)
    await asyncio.gather(*(submit(services, order()) for _ in range(20)))
    assert sent == ["job-1"]


async def test_the_same_id_with_another_recipe_is_refused(services: EmbeddedServices, order: Order) -> None:
    await submit(services, order())
    with pytest.raises(UserError, match="exists with another recipe"):
        await submit(services, order(seed=4))


async def test_inputs_lie_under_the_jobs_own_prefix_with_their_checksum(
    services: EmbeddedServices, order: Order, tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a\n1\n")
    plain = order()
    job = await stage(services, JobOrder(TENANT, "job-1", plain.recipe, [input_file(path), input_file(path)]))
    assert [source.key for source in job.sources] == ["rows.csv", "rows.csv#2"]
    assert {source.sha256 for source in job.sources} == {hashlib.sha256(path.read_bytes()).hexdigest()}
    assert [item.key async for item in services.objects.list("tmp/job-1/")] == [
        "tmp/job-1/input/default/0",
        "tmp/job-1/input/default/1",
    ]


async def test_an_input_that_breaks_off_leaves_no_job_behind(services: EmbeddedServices, order: Order) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        await submit(services, JobOrder(TENANT, "job-1", order().recipe, [InputFile("x.csv", broken)]))
    assert [item async for item in services.objects.list("tmp/")] == []
    with pytest.raises(UserError, match="no job"):
        await get_job(services.store, TENANT, "job-1")


async def test_an_input_that_is_stored_already_is_copied_where_it_lies(
    services: EmbeddedServices, order: Order
) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield b"a\n1\n"

    async def not_to_be_read() -> AsyncIterator[bytes]:
        raise AssertionError("its bytes pass through the submitter")
        yield b""

    stored = await services.objects.put("tmp/sources/one/data", content())
    file = InputFile("x.csv", not_to_be_read, stored.sha256, stored.key)
    job = await submit(services, JobOrder(TENANT, "job-1", order().recipe, [file]))
    (source,) = job.sources
    assert (source.sha256, source.size) == (stored.sha256, stored.size)
    async with services.objects.open(source.object_key) as copy:
        assert copy.read() == b"a\n1\n"


async def test_a_stored_input_that_was_swept_is_named(services: EmbeddedServices, order: Order) -> None:
    async def nothing() -> AsyncIterator[bytes]:
        yield b""

    file = InputFile("x.csv", nothing, "0" * 64, "tmp/sources/gone/data")
    with pytest.raises(ObjectMissing, match=r"the file of x.csv was deleted after its retention"):
        await submit(services, JobOrder(TENANT, "job-1", order().recipe, [file]))


def test_directories_missing_and_empty_files_are_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    for path, words in [
        (tmp_path, "directory"),
        (tmp_path / "no.csv", "not a file"),
        (tmp_path / "empty.csv", "empty"),
    ]:
        with pytest.raises(InputUnusable, match=words):
            input_file(path)
