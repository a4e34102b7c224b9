"""Refresh, quote, replay, import and sweep over a real Prefect server; a worker works, the consumer is played."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State

from synthmill.catalog.locations import LocationKind
from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.jobs.documents import get_job
from synthmill.jobs.release.versions import shown_in
from synthmill.ports.records import Collection, Place, Write
from synthmill.settings import Settings
from synthmill_flows.generate import generate_dataset
from synthmill_flows.importing import import_sources
from synthmill_flows.parameters import (
    GenerateParameters,
    ImportParameters,
    ImportPlace,
    QuoteParameters,
    RefreshParameters,
    ReplayParameters,
    SweepParameters,
)
from synthmill_flows.quote import quote_recipe
from synthmill_flows.refresh import refresh_dataset
from synthmill_flows.replay import replay_rejects
from synthmill_flows.sweeping import sweep
from synthmill_schemas.generation import GenerationRequest
from synthmill_schemas.job import JobState
from synthmill_schemas.quote import QuoteReport
from synthmill_schemas.slot import RejectClass, SlotDocument, SlotState
from tests.support.calls import call_write
from tests.support.consumed import slots_of
from tests.support.jobs import TENANT
from tests.support.mill import milling
from tests.support.uploads import DATASET, recipe_data

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("prefect_server")]


@pytest.fixture
async def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EmbeddedServices]:
    monkeypatch.setenv("SYNTHMILL_HOME", str(tmp_path / "home"))
    async with open_embedded(Settings()) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "rows"
    place.mkdir()
    return place


def put(folder: Path, *rows: str, name: str = "products.csv") -> None:
    (folder / name).write_text("\n".join(["sku,title", *rows, ""]))


async def titles(services: EmbeddedServices, version: int) -> list[str]:
    place = Place(TENANT, Collection.RECORDS, DATASET)
    return sorted([hit.document["data"]["title"] async for hit in services.store.scan(place, shown_in(version))])


def written(place: Path, recipe: dict[str, Any]) -> Path:
    file = place / "recipe.json"
    file.write_text(json.dumps(recipe))
    return file


def job_id_of(state: State[Any]) -> str:
    return str(state.state_details.flow_run_id)


async def imported(order: ImportParameters) -> State[Any]:
    return await import_sources(order, return_state=True)


async def swept(*order: SweepParameters) -> State[Any]:
    return await sweep(*order, return_state=True)


async def told(state: State[Any]) -> Any:  # noqa: ANN401  whatever a flow gives back
    return await state.aresult()


async def task_count(state: State[Any]) -> int:
    wanted = FlowRunFilter(id=FlowRunFilterId(any_=[UUID(job_id_of(state))]))
    async with get_client() as client:
        return len(await client.read_task_runs(flow_run_filter=wanted))


async def test_three_runs_in_a_row_pay_only_for_what_is_new(
    services: EmbeddedServices, folder: Path, tmp_path: Path
) -> None:
    recipe = written(tmp_path, recipe_data(key="sku"))
    order = RefreshParameters(recipe=str(recipe), place=LocationKind.FOLDER, location=str(folder))

    async def refreshed() -> State[Any]:
        return await refresh_dataset(order, return_state=True)

    async with milling(services) as mill:
        put(folder, "a,lamp", "b,chair")
        first = await refreshed()
        assert (first.is_completed(), mill.take()) == (True, 2)
        put(folder, "a,lamp", "b,armchair", "c,desk")
        second = await refreshed()
        assert (second.message, mill.take()) == ("products version 2: 3 records, 2 added, 1 ended", 2)
        idle = await refreshed()
        assert (idle.is_completed(), idle.name, mill.take()) == (True, "NothingNew", 0)
        assert idle.message == "nothing new since version 2: 3 seeds are as they were"
        put(folder, "b,armchair", "c,desk", "d,stool")
        third = await refreshed()
        assert (third.message, mill.take()) == ("products version 3: 4 records, 1 added, 0 ended", 1)
    assert await titles(services, 1) == ["chair", "lamp"]
    assert await titles(services, 2) == ["armchair", "desk", "lamp"]
    assert await titles(services, 3) == ["armchair", "desk", "lamp", "stool"]
    assert await task_count(third) <= 10


async def test_a_place_without_files_fails_the_run_and_ends_no_record(
    services: EmbeddedServices, folder: Path, tmp_path: Path
) -> None:
    recipe = written(tmp_path, recipe_data(seeds={"prune": True}))
    order = RefreshParameters(recipe=str(recipe), place=LocationKind.FOLDER, location=str(folder))
    state = await refresh_dataset(order, return_state=True)
    assert state.is_failed()
    assert "there is no file at folder" in (state.message or "")


async def test_an_upload_that_was_read_before_need_not_be_there_any_more(
    services: EmbeddedServices, folder: Path, tmp_path: Path
) -> None:
    recipe = written(tmp_path, recipe_data(key="sku"))
    order = RefreshParameters(recipe=str(recipe), place=LocationKind.UPLOAD, location="products.csv")
    put(folder, "a,lamp", "b,chair")
    await imported(ImportParameters(place=ImportPlace.FOLDER, location=str(folder)))
    async with milling(services) as mill:
        first = await refresh_dataset(order, return_state=True)
        assert (first.message, mill.take()) == ("products version 1: 2 records, 2 added, 0 ended", 2)
        await services.objects.delete_prefix("tmp/sources/")  # as a sweep does after a day
        again = await refresh_dataset(order, return_state=True)
        assert (again.is_completed(), again.name, mill.take()) == (True, "NothingNew", 0)
        put(folder, "a,lamp", "b,chair", "c,desk")
        await imported(ImportParameters(place=ImportPlace.FOLDER, location=str(folder)))
        second = await refresh_dataset(order, return_state=True)
        assert (second.message, mill.take()) == ("products version 2: 3 records, 1 added, 0 ended", 1)


async def test_a_quote_tells_what_the_whole_would_take_and_adds_no_record(
    services: EmbeddedServices, folder: Path, tmp_path: Path
) -> None:
    put(folder, *(f"p-{number},product {number}" for number in range(40)))
    recipe = written(tmp_path, recipe_data())
    order = QuoteParameters(recipe=str(recipe), inputs=[str(folder / "products.csv")], slots=3)

    def answered(request: GenerationRequest) -> list[SlotDocument]:
        costs.append(call(request, len(costs)))
        return [paid_by(costs[-1].id, slot) for slot in slots_of(request)]

    costs: list[Write] = []
    async with milling(services, answered) as mill:
        tracked = await quote_recipe(order, return_state=True)
    assert (tracked.is_completed(), mill.take()) == (True, 3)
    await services.store.bulk(costs)
    again = await quote_recipe(order.model_copy(update={"job_id": job_id_of(tracked)}), return_state=True)
    assert again.is_completed()
    stored = await services.store.get(Place(TENANT, Collection.REPORTS), f"quote-{job_id_of(tracked)}")
    assert stored is not None
    report = QuoteReport.model_validate(stored.document)
    assert (report.dataset, report.records, report.slots, report.accepted) == (DATASET, 40, 3, 3)
    assert report.cost_usd is not None
    assert report.cost_usd.expected == pytest.approx(40 * 0.02)
    assert report.cost_usd.low < report.cost_usd.expected < report.cost_usd.high
    assert report.acceptance is not None
    assert report.acceptance.expected == 1.0
    assert 0.3 < report.acceptance.low < 0.6
    assert await services.store.count(Place(TENANT, Collection.RECORDS, DATASET)) == 0
    assert await task_count(tracked) <= 10


def paid_by(call_id: str, slot: SlotDocument) -> SlotDocument:
    assert slot.provenance is not None
    return slot.model_copy(update={"provenance": slot.provenance.model_copy(update={"call_id": call_id})})


def call(request: GenerationRequest, number: int) -> Write:
    facts = {"prompt_tokens": 100, "completion_tokens": 50, "cost_usd": 0.01 * (number + 1), "latency_ms": 800}
    job = {"dataset": request.dataset, "job_id": request.job_id, "request_id": request.request_id}
    return call_write(request.tenant, number, round=request.round, **job, **facts)


async def test_a_replay_tries_the_slots_of_a_class_again_and_releases_the_whole(
    services: EmbeddedServices, folder: Path, tmp_path: Path
) -> None:
    put(folder, "a,lamp", "b,chair", "c,desk")
    recipe = written(tmp_path, recipe_data())
    refuses = True

    def answered(request: GenerationRequest) -> list[SlotDocument]:
        return [refused(slot) if refuses and slot.slot == 1 else slot for slot in slots_of(request)]

    async with milling(services, answered) as mill:
        order = GenerateParameters(recipe=str(recipe), inputs=[str(folder / "products.csv")])
        failed = await generate_dataset(order, return_state=True)
        assert failed.is_failed()
        job_id = job_id_of(failed)
        mill.take()
        refuses = False
        none = await replay_rejects(ReplayParameters(job_id=job_id, classes=[RejectClass.LEAK]), return_state=True)
        assert (none.is_completed(), none.name, mill.take()) == (True, "NothingNew", 0)
        done = await replay_rejects(ReplayParameters(job_id=job_id, classes=[RejectClass.REFUSAL]), return_state=True)
        assert (done.is_completed(), mill.take()) == (True, 1)
    assert (await get_job(services.store, TENANT, job_id)).document.state is JobState.COMPLETED
    assert await titles(services, 1) == ["chair", "desk", "lamp"]
    assert await task_count(done) <= 10


def refused(slot: SlotDocument) -> SlotDocument:
    told = {"state": SlotState.EXHAUSTED, "reject_class": RejectClass.REFUSAL, "reason": "no", "data": None}
    return slot.model_copy(update={**told, "content_hash": None, "provenance": None})


async def test_an_import_makes_each_content_a_source_once(services: EmbeddedServices, folder: Path) -> None:
    put(folder, "a,lamp")
    put(folder, "b,chair", name="chairs.csv")
    order = ImportParameters(place=ImportPlace.FOLDER, location=str(folder))
    first = await imported(order)
    ids = await told(first)
    assert (len(ids), len(set(ids))) == (2, 2)
    put(folder, "b,chair", name="copy.csv")
    again = await imported(order)
    assert set(await told(again)) == set(ids)
    (folder / "photo.csv").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    mixed = await imported(order)
    assert mixed.is_failed()
    assert "1 of 4 files cannot be used" in (mixed.message or "")


async def test_a_sweep_mends_and_deletes_and_says_how_much(
    services: EmbeddedServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHMILL_JOB__TEMPORARY_FILE_HOURS", "1e-9")

    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"

    await services.objects.put("tmp/nobody/input/default/0", chunks())
    dry = await swept(SweepParameters(dry_run=True))
    assert (dry.message, [found.key async for found in services.objects.list("tmp/")]) == (
        "1 input files",
        ["tmp/nobody/input/default/0"],
    )
    done = await swept()
    assert done.message == "1 input files"
    assert (await told(done))["input_files"] == 1
    assert (await swept()).message == "nothing to do"
