"""Commands that look at jobs, on a real embedded store that a test fills in place of the services."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from synthmill.cli import main
from synthmill.cli.find import full_job_id
from synthmill.cli.look import earlier_records, last_warning, notices, reject_examples
from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.errors import JobMissing, UserError
from synthmill.jobs.documents import change_job, get_job
from synthmill.jobs.events import say
from synthmill.jobs.order import JobOrder
from synthmill.jobs.quote import quote_order
from synthmill.jobs.status import job_status
from synthmill.jobs.submit import submit
from synthmill.ports.records import Collection, Place, Write
from synthmill.settings import Settings
from synthmill_schemas.base import now
from synthmill_schemas.event import Level
from synthmill_schemas.job import JobState
from synthmill_schemas.ledger import RejectDocument
from synthmill_schemas.seed import Lineage
from synthmill_schemas.slot import RejectClass
from tests.support.jobs import TENANT, accepted, exhausted, recipe, store_slots
from tests.support.repository import ROOT

EXPORT = "schemas/examples/export_document/v1/valid/done.json"
FIRST, SECOND = "aaaa1111-0000", "aaaa2222-0000"

Work = Callable[[EmbeddedServices], Awaitable[None]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNTHMILL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def with_store(home: Path, work: Work) -> None:
    async def opened() -> None:
        async with open_embedded(Settings(home=home)) as services:
            await work(services)

    asyncio.run(opened())


async def begin(services: EmbeddedServices, job_id: str, state: JobState = JobState.PLANNED) -> None:
    """A job of four slots, as if a worker had planned it."""
    compiled = recipe()
    await submit(services, JobOrder(TENANT, job_id, compiled))
    await services.store.ensure_dataset(TENANT, compiled.recipe.name, compiled.record_schema)
    await change_job(services.store, TENANT, job_id, lambda _: {"state": state, "records": 4})


async def finish(services: EmbeddedServices, job_id: str) -> None:
    await begin(services, job_id, JobState.COMPLETED)
    slots = [accepted(job_id, slot, content_hash=f"{hash((job_id, slot)) % 2**64:064x}") for slot in range(4)]
    await store_slots(services, *slots)


async def two_jobs(services: EmbeddedServices) -> None:
    await finish(services, FIRST)
    await begin(services, SECOND)
    await store_slots(services, accepted(SECOND, 0), exhausted(SECOND, 1))


def test_status_lists_the_jobs_the_newest_first(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_store(home, two_jobs)
    assert main(["status"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [SECOND, FIRST]
    assert "generating" in lines[1]
    assert "completed" in lines[2]


def test_status_lists_a_quotes_job_only_when_it_is_asked_for(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def with_a_quote(services: EmbeddedServices) -> None:
        await begin(services, FIRST)
        await submit(services, quote_order(TENANT, SECOND, recipe(), [], 2, None))

    with_store(home, with_a_quote)
    for options, shown in (([], [FIRST]), (["--quotes"], [SECOND, FIRST])):
        assert main(["status", "--json", *options]) == 0
        told = json.loads(capsys.readouterr().out)
        assert ([job["job_id"] for job in told["jobs"]], told["total"]) == (shown, len(shown))


def test_status_of_a_job_as_json_adds_up(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_store(home, two_jobs)
    assert main(["status", "aaaa2", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [shown[kind] for kind in ("requested", "accepted", "exhausted", "parked", "pending")] == [4, 1, 1, 0, 2]
    assert shown["job_id"] == SECOND


def test_status_shows_the_newest_jobs_only_and_says_how_many_more(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_store(home, two_jobs)
    assert main(["status", "--limit", "1"]) == 0
    shown = capsys.readouterr()
    assert FIRST not in shown.out
    assert "1 older job not shown" in shown.err


def test_resume_of_a_completed_job_starts_no_service_and_writes_missing_files(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_store(home, lambda services: finish(services, FIRST))
    assert main(["resume", FIRST, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["accepted"] == 4
    assert [Path(output["path"]).is_file() for output in shown["outputs"]] == [True] * len(shown["outputs"])
    assert not (home / "logs").exists()


def test_cancel_stops_a_job_and_says_how_to_go_on(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_store(home, two_jobs)
    assert main(["cancel", SECOND[:6]]) == 0
    assert "synthmill resume" in capsys.readouterr().out

    async def is_cancelled(services: EmbeddedServices) -> None:
        assert (await get_job(services.store, TENANT, SECOND)).document.state is JobState.CANCELLED

    with_store(home, is_cancelled)
    assert main(["cancel", SECOND]) == 0, "cancelling again changes nothing"
    assert main(["cancel", FIRST]) == 2, "a completed job cannot be cancelled"


def test_logs_are_in_order_and_one_object_a_line_as_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def talk(services: EmbeddedServices) -> None:
        await two_jobs(services)
        for name in ("job.planned", "provider.saturated", "job.stalled"):
            await say(services.store, "bridge", name, f"{name} of it", tenant=TENANT, job_id=SECOND)
        await say(services.store, "bridge", "other", "not ours", tenant=TENANT, job_id=FIRST)

    with_store(home, talk)
    assert main(["logs", SECOND, "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["name"] for event in events] == [
        "job.published", "job.planned", "provider.saturated", "job.stalled",
    ]  # fmt: skip
    assert main(["logs", SECOND]) == 0
    assert "provider.saturated  provider.saturated of it" in capsys.readouterr().out


def test_job_ids_may_be_abbreviated_but_not_ambiguously(home: Path) -> None:
    async def look_up(services: EmbeddedServices) -> None:
        await two_jobs(services)
        assert await full_job_id(services, TENANT, "aaaa1") == FIRST
        assert await full_job_id(services, TENANT, SECOND) == SECOND
        with pytest.raises(UserError, match=f"2 jobs begin with 'aaaa': {FIRST}, {SECOND}"):
            await full_job_id(services, TENANT, "aaaa")
        with pytest.raises(UserError, match="too short"):
            await full_job_id(services, TENANT, "aaa")
        with pytest.raises(JobMissing):
            await full_job_id(services, TENANT, "bbbb")

    with_store(home, look_up)


def test_earlier_records_and_unfinished_jobs_are_told_before_a_job_begins(home: Path) -> None:
    async def look_up(services: EmbeddedServices) -> None:
        await two_jobs(services)
        assert await earlier_records(services, TENANT, "colours", SECOND) == 4
        assert await earlier_records(services, TENANT, "colours", FIRST) == 1
        job = (await get_job(services.store, TENANT, FIRST)).document
        told = " ".join(await notices(services, job, home / "out"))
        assert "1 record of earlier jobs" in told
        assert f"synthmill cancel {SECOND}" in told

    with_store(home, look_up)


def test_files_of_another_job_in_the_same_folder_are_told_before_they_are_replaced(home: Path, tmp_path: Path) -> None:
    (tmp_path / "colours.jsonl").touch()

    async def look_up(services: EmbeddedServices) -> None:
        await submit(services, JobOrder(TENANT, FIRST, recipe()))
        (told,) = await notices(services, (await get_job(services.store, TENANT, FIRST)).document, tmp_path)
        assert "will replace it" in told

    with_store(home, look_up)


def test_the_first_job_of_a_dataset_has_no_earlier_records(home: Path) -> None:
    async def look_up(services: EmbeddedServices) -> None:
        await submit(services, JobOrder(TENANT, FIRST, recipe()))
        assert await notices(services, (await get_job(services.store, TENANT, FIRST)).document, home / "out") == []

    with_store(home, look_up)


def test_the_last_warning_is_the_newest_of_this_job_or_of_none(home: Path) -> None:
    async def look_up(services: EmbeddedServices) -> None:
        started = now()
        assert await last_warning(services, TENANT, SECOND, started) is None
        for name, job_id, level in (
            ("provider.unreachable", None, Level.WARNING),
            ("other.job", FIRST, Level.ERROR),
            ("progress", SECOND, Level.INFO),
            ("job.failed", SECOND, Level.WARNING),
        ):
            await say(services.store, "consumer", name, "told", tenant=TENANT, job_id=job_id, level=level)
        event = await last_warning(services, TENANT, SECOND, started)
        assert event is not None
        assert event.name == "provider.unreachable"
        assert await last_warning(services, TENANT, SECOND, now()) is None

    with_store(home, look_up)


def reject(number: int, class_: RejectClass, reason: str, slot: int | None = 1) -> Write:
    document = RejectDocument(
        dataset="colours",
        job_id=SECOND,
        reject_id=f"{SECOND}-1-{number}",
        slot=slot,
        round=1,
        attempt=number,
        reject_class=class_,
        reason=reason,
        lineage=None if slot else Lineage(source="tints.csv", sha256="0" * 64, row=2, line=3),
    )
    return Write(Place(TENANT, Collection.REJECTS), document.reject_id, document.model_dump(mode="json"))


async def some_rejects(services: EmbeddedServices) -> None:
    await begin(services, SECOND)
    await services.store.bulk(
        [
            reject(1, RejectClass.SCHEMA, "mood:\n  missing"),
            reject(2, RejectClass.SCHEMA, "mood: " + "x" * 500),
            reject(3, RejectClass.INPUT, "3 fields where the header has 2", slot=None),
        ]
    )


def test_examples_of_rejects_are_one_line_of_each_frequent_class(home: Path) -> None:
    async def look_up(services: EmbeddedServices) -> None:
        await some_rejects(services)
        examples = await reject_examples(services, await job_status(services.store, TENANT, SECOND), TENANT)
        assert [example.split(":")[0] for example in examples] == ["schema slot 1", "input tints.csv line 3"]
        assert max(map(len, examples)) < 300

    with_store(home, look_up)


def test_logs_can_list_every_reject_with_its_place(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_store(home, some_rejects)
    assert main(["logs", SECOND, "--rejects"]) == 0
    shown = capsys.readouterr().out
    assert "input     tints.csv line 3  3 fields where the header has 2" in shown
    assert "x" * 500 in shown
    assert main(["logs", SECOND, "--rejects", "--json"]) == 0
    assert len([json.loads(line) for line in capsys.readouterr().out.splitlines()]) == 3


def test_a_sweep_tells_in_numbers_what_it_did(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep"]) == 0
    assert capsys.readouterr().out == "nothing to do\n"
    assert not home.exists()

    async def leave_behind(services: EmbeddedServices) -> None:
        await finish(services, FIRST)
        await change_job(services.store, TENANT, FIRST, lambda _: {"state": JobState.PLANNED})
        export = {"state": "done", "expires_at": now().isoformat()}
        report = {**json.loads((ROOT / EXPORT).read_text()), **export, "job_id": FIRST}
        await services.store.bulk([Write(Place(TENANT, Collection.REPORTS), report["report_id"], report)])

    with_store(home, leave_behind)
    assert main(["sweep", "--dry-run"]) == 0
    lines = ["1 job moved on, for their round had ended", "1 export expired"]
    assert capsys.readouterr().out.splitlines() == ["what would be done:", *lines]
    assert main(["sweep", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["advanced"], told["exports_expired"], told["dry_run"]) == (1, 1, False)
    assert main(["sweep"]) == 0
    assert capsys.readouterr().out == "nothing to do\n"
