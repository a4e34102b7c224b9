"""The worker on the embedded profile: from an uploaded file to seeds and requests, whatever goes wrong on the way."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.jobs.documents import change_job
from synthmill.jobs.lease import LeaseTaken
from synthmill.jobs.rounds import republish
from synthmill.ports.broker import Message, Queue
from synthmill.ports.records import Collection
from synthmill.settings import Settings, WorkerSettings
from synthmill_schemas.base import now
from synthmill_schemas.job import JobDocument, JobMessage, JobState, Lease, SeedCheckpoint
from synthmill_worker.handlers.job import handle_job
from synthmill_worker.handlers.words import Handled
from tests.support.uploads import TENANT, job_of, requests, stored, submitted, upload, worked


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[EmbeddedServices]:
    settings = Settings(home=tmp_path / "home", worker=WorkerSettings(chunk_rows=50))
    async with open_embedded(settings) as opened:
        yield opened


def message(job_id: str = "job-1", round_: int = 1) -> Message:
    """What submit sends."""
    return Message(job_id, JobMessage(job_id=job_id, round=round_).model_dump_json().encode())


async def test_a_csv_becomes_seeds_with_their_lineage_and_requests_for_each_slot(services: EmbeddedServices) -> None:
    await submitted(services)
    await worked(services)
    job = await job_of(services)
    assert (job.state, job.records, job.planner) == (JobState.PLANNED, 3, None)
    (source,) = job.sources
    assert (source.seeds, source.bad_rows) == (3, 0)
    seeds = await stored(services, Collection.INPUTS)
    assert [seed["data"]["title"] for seed in seeds] == ["lamp", "chair", "desk"]
    assert [seed["lineage"]["row"] for seed in seeds] == [1, 2, 3]
    assert {seed["lineage"]["sha256"] for seed in seeds} == {source.sha256}
    slots = [slot for body in await requests(services) for slot in json.loads(body)["slots"]]
    assert [slot["attributes"] for slot in slots] == [{"title": "lamp"}, {"title": "chair"}, {"title": "desk"}]
    assert [slot["seed_id"] for slot in slots] == [seed["seed_id"] for seed in seeds]


async def test_bad_rows_become_rejects_with_their_line_number(services: EmbeddedServices) -> None:
    data = b'title,price\nlamp,5\nchair\n"desk,7\nbench,many\nstool,9\n'
    fields = {"price": {"type": "integer", "minimum": 1}}
    await submitted(services, ("products.csv", data), input={"fields": fields})
    await worked(services)
    job = await job_of(services)
    assert (job.state, job.records) == (JobState.PLANNED, 2)
    assert (job.sources[0].seeds, job.sources[0].bad_rows) == (2, 3)
    rejects = await stored(services, Collection.REJECTS)
    assert [(reject["lineage"]["line"], reject["reject_class"], reject["reason"]) for reject in rejects] == [
        (3, "input", "1 fields where the header has 2"),
        (4, "input", "a quote is opened and never closed"),
        (5, "input", "price: 'many' is not an integer"),
    ]
    seed_set = job.sources[0].seed_set
    assert [reject["reject_id"] for reject in rejects] == [f"{job.job_id}-{seed_set}-row-{n}" for n in (2, 3, 4)]


@pytest.mark.parametrize(
    ("name", "data", "titles"),
    [
        ("p.json", b'[{"title": "lamp"}, {"title": 5}]', ["lamp", "5"]),
        ("p.jsonl", b'{"title": "lamp"}\n{"titel": "x"}\n{"title": "desk"}\n', ["lamp", "desk"]),
        ("p.tsv", b"title\tn\nlamp\t1\n", ["lamp"]),
    ],
)
async def test_other_tables_give_the_same_kind_of_seeds(
    services: EmbeddedServices, name: str, data: bytes, titles: list[str]
) -> None:
    await submitted(services, (name, data))
    await worked(services)
    slots = [slot for body in await requests(services) for slot in json.loads(body)["slots"]]
    assert [slot["attributes"]["title"] for slot in slots] == titles


async def test_markdown_gives_chunks_with_headings_and_offsets(services: EmbeddedServices) -> None:
    text = "# Pump\n\nIt pumps.\n\n## Start\n\nPress the button.\n"
    await submitted(services, ("manual.md", text.encode()), columns=[{"name": "text", "kind": "source"}], model=None)
    await worked(services)
    seeds = await stored(services, Collection.INPUTS)
    assert [seed["lineage"]["headings"] for seed in seeds] == [["Pump"], ["Pump", "Start"]]
    for seed in seeds:
        assert text[seed["lineage"]["char_start"] : seed["lineage"]["char_end"]] == seed["data"]["text"]


async def test_several_sources_give_one_space_of_seeds(services: EmbeddedServices) -> None:
    await submitted(
        services, ("a.csv", b"title\nlamp\n"), ("a.csv", b"title\nchair\n"), ("b.json", b'[{"title": "x"}]')
    )
    await worked(services)
    job = await job_of(services)
    assert job.records == 3
    assert len({source.seed_set for source in job.sources}) == 3


async def test_a_second_delivery_changes_nothing(services: EmbeddedServices) -> None:
    data = b"title,n\n" + b"".join(b"lamp %d,%d\n" % (n % 70, n) for n in range(200)) + b"ragged\n"
    await submitted(services, ("products.csv", data))
    assert await handle_job(services, message()) is Handled.PLANNED
    before = [await stored(services, kind) for kind in (Collection.INPUTS, Collection.REJECTS, Collection.EVENTS)]
    published = (await services.broker.depth(Queue.GENERATION)).ready
    assert await handle_job(services, message()) is Handled.DONE_BEFORE
    # as if the first worker had died before it could note what it had done
    (source,) = (await job_of(services)).sources
    await services.objects.put(source.object_key, upload(source.key, data).read())
    forgotten = {"seed_set": None, "seeds": None, "bad_rows": None}
    await change_job(
        services.store,
        TENANT,
        "job-1",
        lambda job: {
            "state": JobState.PUBLISHED,
            "records": None,
            "checkpoint": None,
            "temporary_files": "kept",
            "sources": [source.model_copy(update=forgotten) for source in job.sources],
        },
    )
    assert await handle_job(services, message()) is Handled.PLANNED
    after = [await stored(services, kind) for kind in (Collection.INPUTS, Collection.REJECTS, Collection.EVENTS)]
    assert after == before
    assert len(before[0]) == 200
    assert (await services.broker.depth(Queue.GENERATION)).ready == published == 200


TWO_FILES = (
    ("a.csv", b"sku,title\n" + b"".join(b"%d,lamp %d\n" % (n % 170, n) for n in range(230)) + b"ragged\n"),
    ("b.jsonl", b"".join(b'{"sku": %d, "title": "chair"}\n' % n for n in range(120))),
)


@pytest.mark.parametrize("key", [None, "sku"])
async def test_a_job_planned_in_many_units_is_the_same_as_one_planned_at_once(tmp_path: Path, key: str | None) -> None:
    planned = []
    for unit_seconds in (60.0, 1e-9):
        worker = WorkerSettings(chunk_rows=50, publish_chunk=20, unit_seconds=unit_seconds)
        async with open_embedded(Settings(home=tmp_path / str(unit_seconds), worker=worker)) as services:
            await submitted(services, *TWO_FILES, key=key, target={"records": 200})
            if unit_seconds < 1:
                assert await handle_job(services, message()) is Handled.HANDED_ON
                first, second = (await job_of(services)).sources
                assert (first.seed_set, second.checkpoint) == (None, None)
                assert first.checkpoint is not None
                assert first.checkpoint.seeds + first.checkpoint.bad_rows == 50
                assert (await job_of(services)).planner is None
            await worked(services)
            job = await job_of(services)
            assert (job.state, job.temporary_files) == (JobState.PLANNED, "deleted")
            assert {source.checkpoint for source in job.sources} == {None}
            documents = [await stored(services, kind) for kind in (Collection.INPUTS, Collection.REJECTS)]
            planned.append((job.sources, job.records, documents, sorted(map(told, await requests(services)))))
    assert planned[0] == planned[1]


def told(request: bytes) -> str:
    """What a request asks for."""
    return json.dumps([(slot["slot"], slot["seed_id"]) for slot in json.loads(request)["slots"]])


async def test_the_notes_of_another_way_to_read_a_file_are_of_no_use(services: EmbeddedServices) -> None:
    job = await submitted(services)
    strange = SeedCheckpoint(seed_set="of an older version", seeds=2, bad_rows=0)
    sources = [source.model_copy(update={"checkpoint": strange}) for source in job.sources]
    await change_job(services.store, TENANT, "job-1", lambda _: {"sources": sources})
    await worked(services)
    assert (await job_of(services)).sources[0].seeds == 3


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("p.pdf", b"%PDF-1.7 ...", "p.pdf: a PDF document; accepted are CSV"),
        ("p.csv", b"title,price\n", "p.csv: a header (title, price) and no rows"),
        (
            "p.csv",
            b"Titel,price\nlamp,5\n",
            "p.csv: no column 'title' (did you mean 'Titel'?); there are: Titel, price",
        ),
        (
            "p.json",
            b'[{"Title": "lamp"}, {"n": 1}]',
            "p.json: no column 'title' (did you mean 'Title'?); there are: Title, n",
        ),
        ("p.csv", b"title,n\nlamp\nchair\n", "none of its 2 rows can be used; the first one: 1 fields"),
        ("p.json", b'[{"title": "lamp"}, ', "p.json: broken JSON after 1 rows"),
        ("p.txt", b"\n\n", "p.txt: only white space"),
    ],
)
async def test_a_file_that_cannot_serve_fails_the_job_with_the_reason(
    services: EmbeddedServices, name: str, data: bytes, said: str
) -> None:
    await submitted(services, (name, data))
    await worked(services)
    assert said in await failure(services)
    assert (await services.broker.depth(Queue.GENERATION)).ready == 0


async def test_rows_that_are_all_bad_leave_their_rejects(services: EmbeddedServices) -> None:
    await submitted(services, ("p.csv", b"title,n\nlamp\nchair\n"))
    await worked(services)
    assert len(await stored(services, Collection.REJECTS)) == 2


async def test_a_file_that_was_changed_fails_the_job(services: EmbeddedServices) -> None:
    job = await submitted(services)
    uploaded_file(services, job).write_bytes(b"title\nchanged\n")
    await worked(services)
    assert "not the one that was uploaded" in await failure(services)
    assert await stored(services, Collection.INPUTS) == []


async def test_a_file_that_was_lost_fails_the_job(services: EmbeddedServices) -> None:
    job = await submitted(services)
    uploaded_file(services, job).unlink()
    await worked(services)
    assert "upload it again in a new job" in await failure(services)


def uploaded_file(services: EmbeddedServices, job: JobDocument) -> Path:
    """Where the embedded object store keeps the job's first source."""
    return services.settings.home / "objects" / "files" / job.sources[0].object_key


async def failure(services: EmbeddedServices) -> str:
    """Why the job failed."""
    job = await job_of(services)
    assert job.state is JobState.FAILED
    return str(job.reason)


async def test_a_message_of_another_round_or_for_a_job_that_stopped_or_is_not_there_is_dropped(
    services: EmbeddedServices,
) -> None:
    assert await handle_job(services, message("nobody")) is Handled.STALE
    await submitted(services)
    assert await handle_job(services, message(round_=2)) is Handled.STALE
    await change_job(services.store, TENANT, "job-1", lambda _: {"state": JobState.PAUSED})
    assert await handle_job(services, message()) is Handled.STALE
    assert await stored(services, Collection.INPUTS) == []


async def test_a_later_round_reads_seeds_and_never_the_file(services: EmbeddedServices) -> None:
    await submitted(services)
    await worked(services)
    await services.objects.delete_prefix("tmp/job-1")
    await republish(services, await job_of(services), by="reconcile")
    await worked(services)
    job = await job_of(services)
    assert (job.state, job.round) == (JobState.PLANNED, 2)
    rounds = [json.loads(body)["round"] for body in await requests(services)]
    assert rounds == [1, 1, 1, 2, 2, 2]


async def test_a_job_whose_planner_died_is_taken_over_when_its_lease_ends(services: EmbeddedServices) -> None:
    await submitted(services)
    lease = Lease(owner="somebody-who-died", expires_at=now() + timedelta(seconds=1))
    await change_job(services.store, TENANT, "job-1", lambda _: {"planner": lease})
    with pytest.raises(LeaseTaken):
        await handle_job(services, message())
    await worked(services)
    assert (await job_of(services)).state is JobState.PLANNED
    assert await stored(services, Collection.REPORTS, kind="dead_letter") == []
